#include "observe/object_tokens.hpp"

#include <algorithm>
#include <bit>

namespace metta {

namespace {

std::size_t blocks_for(std::uint32_t tokens) { return (tokens + kTokensPerBlock - 1) / kTokensPerBlock; }

// Writes (feature, value) pairs behind empty location bytes.
class Assembler {
 public:
  explicit Assembler(TokenBlock* blocks) : bytes_(reinterpret_cast<std::uint8_t*>(blocks)) {}

  void add(std::uint8_t feature, std::uint8_t value) {
    std::uint8_t* token = bytes_ + std::size_t{count_++} * kTokenBytes;
    token[1] = feature;
    token[2] = value;
  }
  // Clears what the last block holds behind the last token.
  std::uint16_t finish() {
    std::fill(bytes_ + std::size_t{count_} * kTokenBytes, bytes_ + blocks_for(count_) * kBlockBytes, std::uint8_t{0});
    return count_;
  }

 private:
  std::uint8_t* bytes_;
  std::uint16_t count_ = 0;
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

std::uint16_t assemble(const Game& game, World& world, ObjectIndex index, TokenBlock* blocks) {
  const FeatureIds& features = game.observation.features;
  const Object& object = world.objects[index];
  Assembler tokens(blocks);
  const std::uint64_t* tags = world.tags_of(index);
  for (std::uint32_t word = 0; word < game.tag_words; ++word) {
    for (std::uint64_t left = tags[word]; left != 0; left &= left - 1) {
      tokens.add(features.tag, static_cast<std::uint8_t>(word * 64 + static_cast<std::uint32_t>(std::countr_zero(left))));
    }
  }
  if (object.vibe != 0) tokens.add(features.vibe, object.vibe);
  // The published engine gives objects spawned during the episode no inventory encoder.
  if (!object.spawned && object.inventory != kNoInventory) add_inventory(game, world, index, tokens);
  if (object.kind == ObjectKind::agent) {
    tokens.add(features.agent_group, world.config_of(index).agent.group_id);
    tokens.add(features.agent_id, object.spawned ? std::uint8_t{0} : static_cast<std::uint8_t>(object.agent));
  }
  return tokens.finish();
}

std::uint32_t append_blocks(TokenCache& cache, std::size_t blocks) {
  const std::size_t first = cache.words.size();
  cache.words.resize(first + blocks * kWordsPerBlock);
  if (cache.words.size() > ObjectTokens::kMostWords) throw WorldError("too many objects with tokens of their own");
  return static_cast<std::uint32_t>(first);
}

}  // namespace

std::size_t most_blocks_of_an_object(const Game& game) {
  const std::size_t amounts = game.num_resources() * game.observation.inventory_digits;
  return blocks_for(static_cast<std::uint32_t>(game.num_tags() + 1 + amounts + 2));
}

void refresh_object_tokens(const Game& game, World& world, ObjectIndex index) {
  TokenCache& cache = world.tokens;
  ObjectTokens& entry = cache.objects[index];
  TokenDetails& details = cache.details[index];
  const std::uint16_t count = details.count = assemble(game, world, index, cache.scratch.data());
  const std::size_t blocks = blocks_for(count);
  const std::uint64_t* assembled = cache.scratch[0].words.data();
  const std::size_t words = blocks * kWordsPerBlock;
  // Two agents never look alike: their ids differ.
  if (details.own_blocks == 0 && world.objects[index].kind != ObjectKind::agent) {
    SharedTokens& shared = cache.shared[world.objects[index].config];
    if (shared.count == SharedTokens::kNone) {
      shared.count = count;
      shared.word = append_blocks(cache, blocks);
      std::copy_n(assembled, words, cache.words.data() + shared.word);
    }
    if (shared.count == count && std::equal(assembled, assembled + words, cache.words.data() + shared.word)) {
      entry.set(shared.word, count);
      return;
    }
  }
  std::uint32_t word = entry.word();
  if (details.own_blocks < blocks) {
    details.own_blocks = static_cast<std::uint16_t>(std::bit_ceil(blocks));
    word = append_blocks(cache, details.own_blocks);
  }
  std::copy_n(assembled, words, cache.words.data() + word);
  entry.set(word, count);
}

}  // namespace metta
