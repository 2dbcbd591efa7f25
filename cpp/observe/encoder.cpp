#include "observe/encoder.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "game/numbers.hpp"
#include "observe/global_tokens.hpp"
#include "observe/object_tokens.hpp"
#include "observe/seen_objects.hpp"
#include "observe/territory_tokens.hpp"
#include "observe/token_writer.hpp"
#include "observe/view.hpp"
#include "rules/territory.hpp"
#include "rules/values.hpp"
#include "world/prefetch.hpp"

namespace metta {

namespace {

void write_observed_values(const Game& game, World& world, ObjectIndex agent, TokenWriter& writer) {
  Context context;
  context.actor = context.target = agent;
  for (const ObservedValue& observed : game.observation.values) {
    const std::uint32_t value = truncate_to_uint32(resolve_value(world, observed.value, context, agent));
    writer.number(kGlobalLocation, observed.feature, value, game.observation.token_value_base);
  }
}

// Views are taken some agents ahead. The walk over an agent's cells ends in mispredicted branches, and after one the
// processor can go on with the next walk instead of finding out first what there is to walk over. But values of the game
// are resolved in the agent's turn: this may draw a random number, or read what the turns before have counted.
bool looks_ahead(const Game& game) { return game.observation.radius_value == kAbsent; }
bool sees_ahead(const Game& game) { return looks_ahead(game) && game.observation.values.empty(); }

// Indices of masks: of all that a window holds, and for this agent's present radius.
std::size_t whole_window(const Game& game) { return game.observation.tables.masks.size() - 1; }

std::size_t clamped_radius(const Game& game, World& world, ObjectIndex agent) {
  Context context;
  context.actor = context.target = agent;
  const int radius = truncate_to_int(resolve_value(world, game.observation.radius_value, context, agent));
  return std::min(whole_window(game), static_cast<std::size_t>(std::max(radius, 0)));
}

// Tokens that changed since they were last looked at, that are not copied at once, or that may lack room.
[[gnu::noinline]] TokenWriter write_object_with_care(const Game& game, World& world, std::size_t cell,
                                                     const TokenPiece& location, TokenWriter writer) {
  TokenCache& cache = world.tokens;
  std::uint32_t run = cache.cells[cell];
  if (cache.stale(run)) {
    const ObjectIndex object = world.grid[cell];
    if (cache.stale(cache.objects[object])) refresh_object_tokens(game, world, object);
    run = cache.objects[object];
    cache.cells[cell] = TokenCache::near(run);
  }
  writer.copy(cache.pieces.data() + run, cache.count(run), location);
  return writer;
}

// Writes the tokens of the cells in `left` until one needs care, which stays in `left` with all that follow; returns
// where the next token goes. A function of its own, without calls and with nothing but plain pointers, so that all it
// needs stays in registers. How fast the loop is depends on where it lies: elsewhere than at the start of a line of the
// caches a step took 4 % longer.
[[gnu::noinline, gnu::aligned(64)]] std::uint8_t* write_ready_cells(
    RankBits& left, std::uint8_t* next, const std::uint8_t* last_piece, const std::uint16_t* centre,
    const std::int32_t* offsets, const TokenPiece* locations, const TokenPiece* pieces) {
  for (std::uint64_t& word : left) {
    for (std::uint64_t cells = word; cells != 0; cells &= cells - 1) {
      const int rank = std::countr_zero(cells);
      const TokenPiece* run = pieces + centre[offsets[rank]];
      const std::uint8_t bytes = run->last_byte();
      if (bytes <= kFullPiece && next <= last_piece) [[likely]] {
        TokenWriter::copy_piece(next, run[0], locations[rank]);
      } else if (bytes <= 2 * kFullPiece && next + kPieceBytes <= last_piece) {
        TokenWriter::copy_piece(next, run[0], locations[rank]);
        TokenWriter::copy_piece(next + kFullPiece, run[1], locations[rank]);
      } else {
        word = cells;
        return next;
      }
      next += bytes;
    }
    word = 0;
    offsets += 64;
    locations += 64;
  }
  return next;
}

// The first position in `cells`; the number of all that there can be if there is none.
std::size_t first_rank(const RankBits& cells) {
  std::size_t word = 0;
  while (word < cells.size() && cells[word] == 0) ++word;
  return word * 64 + (word < cells.size() ? static_cast<std::size_t>(std::countr_zero(cells[word])) : 0);
}

// The tokens of what stands in the cells in `left`. Inline wherever it is called: a writer in registers.
[[gnu::always_inline]] inline TokenWriter write_cells(const Game& game, World& world, ObjectIndex agent, RankBits& left,
                                                      TokenWriter writer) {
  const TokenCache& cache = world.tokens;
  const std::size_t centre = world.cell(world.objects[agent].location);
  const TokenPiece* locations = game.observation.tables.locations.data();
  while (true) {
    writer.went_on_to(write_ready_cells(left, writer.next(), writer.last_piece(), &cache.cells[centre],
                                        cache.offsets.data(), locations, cache.pieces.data()));
    const std::size_t rank = first_rank(left);
    if (rank == 64 * left.size()) return writer;
    const std::size_t cell = centre + static_cast<std::size_t>(std::ptrdiff_t{cache.offsets[rank]});
    writer = write_object_with_care(game, world, cell, locations[rank], writer);
    left[rank / 64] &= left[rank / 64] - 1;
  }
}

// Takes the positions before `rank` out of `cells`.
RankBits take_before(std::size_t rank, RankBits& cells) {
  RankBits before{};
  for (std::size_t word = 0; word <= rank / 64; ++word) {
    before[word] = word < rank / 64 ? cells[word] : cells[word] & ((std::uint64_t{1} << (rank % 64)) - 1);
    cells[word] &= ~before[word];
  }
  return before;
}

// A cell's borders stand before the tokens of what stands there.
TokenWriter write_cells_and_borders(const Game& game, World& world, ObjectIndex agent, View& view,
                                    TokenWriter writer) {
  RankBits& left = view.object_ranks;
  for (std::size_t word = 0; word < view.border_ranks.size(); ++word) {
    for (std::uint64_t borders = view.border_ranks[word]; borders != 0; borders &= borders - 1) {
      const std::size_t rank = word * 64 + static_cast<std::size_t>(std::countr_zero(borders));
      RankBits before = take_before(rank, left);
      writer = write_cells(game, world, agent, before, writer);
      write_territory_borders(game, world, agent, view.clamp, game.observation.window[rank], writer);
    }
  }
  return write_cells(game, world, agent, left, writer);
}

[[noreturn]] void throw_over_budget(const Game& game, const World& world, std::uint32_t row, std::uint32_t attempted) {
  const Location at = world.objects[world.agents[row].object].location;
  const std::uint32_t budget = game.observation.num_tokens;
  const std::string message = "Observation token budget exceeded for agent " + std::to_string(row) + " at step " +
                              std::to_string(world.step) + " (location=" + std::to_string(at.row) + "," +
                              std::to_string(at.col) + ", budget=" + std::to_string(budget) +
                              ", attempted=" + std::to_string(attempted) +
                              ", dropped=" + std::to_string(attempted - budget) + ")";
  throw TokenOverflow(message);
}

void encode_agent(const Game& game, World& world, std::uint32_t row, const GlobalTokens& globals, View& view) {
  const std::uint32_t budget = game.observation.num_tokens;
  TokenWriter writer(world.buffers.observations + std::size_t{row} * budget * kTokenBytes, budget);
  const ObjectIndex agent = world.agents[row].object;
  globals.write(game, world, row, writer);
  write_observed_values(game, world, agent, writer);
  if (!looks_ahead(game)) look_around(game, world, row, clamped_radius(game, world, agent), {&view, 1});
  if (!sees_ahead(game)) see_objects(game, world, row, {&view, 1});
  writer = game.observation.territory ? write_cells_and_borders(game, world, agent, view, writer)
                                      : write_cells(game, world, agent, view.object_ranks, writer);
  std::uint32_t& written_bytes = world.tokens.written_bytes[row];
  written_bytes = writer.pad(written_bytes);
  const std::uint32_t attempted = writer.attempted();
  if (attempted > budget) throw_over_budget(game, world, row, attempted);
  world.game_stats.add(0, game.game_stats.tokens_written, static_cast<float>(attempted));
  world.game_stats.add(0, game.game_stats.tokens_free_space, static_cast<float>(budget - attempted));
}

}  // namespace

void encode_observations(const Game& game, World& world, const World* next_world) {
  if (game.observation.territory) refresh_territory_borders(world);
  Prefetch prefetch(next_world, game.num_agents);
  refresh_agent_tokens(game, world);
  const GlobalTokens globals(game, world.step);
  std::array<View, kMostViews> views;  // none is read before it is written
  for (std::uint32_t first = 0; first < game.num_agents; first += kMostViews) {
    const std::uint32_t some = std::min(kMostViews, game.num_agents - first);
    if (looks_ahead(game)) look_around(game, world, first, whole_window(game), {views.data(), some});
    if (sees_ahead(game)) see_objects(game, world, first, {views.data(), some});
    for (std::uint32_t i = 0; i < some; ++i) {
      prefetch.next_share();
      encode_agent(game, world, first + i, globals, views[i]);
    }
  }
  end_seeing(world);
}

void forget_written_observations(World& world) {
  const Game& game = *world.game;
  TokenCache& cache = world.tokens;
  cache.written_bytes.assign(game.num_agents, game.observation.num_tokens * kTokenBytes);
  cache.offsets.clear();
  for (const WindowCell& cell : game.observation.window) cache.offsets.push_back(cell.row * world.width + cell.col);
}

}  // namespace metta
