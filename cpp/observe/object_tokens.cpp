#include "observe/object_tokens.hpp"

#include <algorithm>
#include <bit>

namespace metta {

namespace {

std::size_t pieces_for(std::uint32_t tokens) {
  return std::max<std::size_t>((tokens + kTokensPerPiece - 1) / kTokensPerPiece, 1);
}

// Writes (feature, value) pairs behind empty location bytes.
class Assembler {
 public:
  explicit Assembler(TokenPiece* pieces) : piece_(pieces - 1) {}

  void add(std::uint8_t feature, std::uint8_t value) {
    if (place_ == kTokensPerPiece) {
      *++piece_ = TokenPiece{};
      place_ = 0;
    }
    std::uint8_t* token = reinterpret_cast<std::uint8_t*>(piece_->words.data()) + place_ * kTokenBytes;
    token[1] = feature;
    token[2] = value;
    ++place_;
    ++count_;
  }
  std::uint32_t count() const { return count_; }

 private:
  TokenPiece* piece_;
  std::uint32_t place_ = kTokensPerPiece;  // in the piece
  std::uint32_t count_ = 0;
};

void add_inventory(const Game& game, World& world, ObjectIndex index, Assembler& tokens) {
  const ObservationConfig& observation = game.observation;
  const Inventory held = world.inventory(index);
  for (std::uint32_t i = 0; i < held.size(); ++i) {
    const ResourceId item = held.item(i);
    const std::uint8_t* features = &observation.inventory_features[std::size_t{item} * observation.inventory_digits];
    std::uint32_t amount = held.amount(item);
    do {
      tokens.add(*features++, static_cast<std::uint8_t>(amount % observation.token_value_base));
      amount /= observation.token_value_base;
    } while (amount > 0);
  }
}

// Into world.tokens.scratch, as a run. Returns how many tokens.
std::uint32_t assemble(const Game& game, World& world, ObjectIndex index) {
  const FeatureIds& features = game.observation.features;
  const Object& object = world.objects[index];
  Assembler tokens(world.tokens.scratch.data());
  const std::uint64_t* tags = world.tags_of(index);
  for (std::uint32_t word = 0; word < game.tag_words; ++word) {
    for (std::uint64_t left = tags[word]; left != 0; left &= left - 1) {
      const std::uint32_t tag = word * 64 + static_cast<std::uint32_t>(std::countr_zero(left));
      tokens.add(features.tag, static_cast<std::uint8_t>(tag));
    }
  }
  if (object.vibe != 0) tokens.add(features.vibe, object.vibe);
  // The published engine gives objects spawned during the episode no inventory encoder.
  if (!object.spawned && object.inventory != kNoInventory) add_inventory(game, world, index, tokens);
  if (object.kind == ObjectKind::agent) {
    tokens.add(features.agent_group, world.config_of(index).agent.group_id);
    tokens.add(features.agent_id, object.spawned ? std::uint8_t{0} : static_cast<std::uint8_t>(object.agent));
  }
  if (tokens.count() == 0) world.tokens.scratch[0] = TokenPiece{};
  world.tokens.scratch[0].set_last_byte(TokenCache::size_byte(tokens.count()));
  return tokens.count();
}

std::uint32_t append_run(TokenCache& cache, std::size_t pieces, RunHeader header) {
  const auto run = static_cast<std::uint32_t>(cache.pieces.size() + 1);
  cache.pieces.resize(run + pieces);
  cache.set_header(run, header);
  return run;
}

}  // namespace

std::size_t most_pieces_of_an_object(const Game& game) {
  const std::size_t amounts = game.num_resources() * game.observation.inventory_digits;
  return pieces_for(static_cast<std::uint32_t>(game.num_tags() + 1 + amounts + 2));
}

void share_object_tokens(const Game& game, World& world, ObjectIndex index) {
  const Object& object = world.objects[index];
  if (object.kind == ObjectKind::agent) return;
  TokenCache& cache = world.tokens;
  if (cache.shared[object.config] == TokenCache::kLookCloser) refresh_object_tokens(game, world, index);
  const std::uint32_t run = cache.shared[object.config];
  cache.objects[index] = run;
  cache.cells[world.cell(object.location)] = TokenCache::near(run);
}

void refresh_agent_tokens(const Game& game, World& world) {
  const TokenCache& cache = world.tokens;
  for (std::uint32_t first = 0; first < game.num_agents; first += 64) {
    const std::uint32_t some = std::min(64U, game.num_agents - first);
    // By what the cell says, which the walk reads, too: objects' own entries lie in memory that nobody has asked for.
    std::uint64_t stale = 0;
    for (std::uint32_t i = 0; i < some; ++i) {
      const Location at = world.objects[world.agents[first + i].object].location;
      stale |= std::uint64_t{cache.stale(cache.cells[world.cell(at)])} << i;
    }
    for (; stale != 0; stale &= stale - 1) {
      const ObjectIndex agent = world.agents[first + static_cast<std::uint32_t>(std::countr_zero(stale))].object;
      if (cache.stale(cache.objects[agent])) refresh_object_tokens(game, world, agent);
    }
  }
}

void refresh_object_tokens(const Game& game, World& world, ObjectIndex index) {
  TokenCache& cache = world.tokens;
  std::uint32_t& run = cache.objects[index];
  const std::uint32_t count = assemble(game, world, index);
  const std::size_t pieces = pieces_for(count);
  const auto look = cache.scratch.begin();
  // Two agents never look alike: their ids differ.
  if (!cache.own(run) && world.objects[index].kind != ObjectKind::agent) {
    std::uint32_t& shared = cache.shared[world.objects[index].config];
    if (shared == TokenCache::kLookCloser) {
      shared = append_run(cache, pieces, {count, 0});
      std::copy_n(look, pieces, cache.pieces.begin() + shared);
    }
    if (cache.count(shared) == count && std::equal(look, look + pieces, cache.pieces.begin() + shared)) {
      run = shared;
      return;
    }
  }
  RunHeader header = cache.own(run) ? cache.header(run) : RunHeader{};
  header.tokens = count;
  if (header.own_pieces < pieces) {
    header.own_pieces = static_cast<std::uint32_t>(std::bit_ceil(pieces));
    run = append_run(cache, header.own_pieces, header);
  }
  cache.set_header(run, header);
  std::copy_n(look, pieces, cache.pieces.begin() + run);
}

}  // namespace metta
