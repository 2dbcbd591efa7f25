#include "observe/encoder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#include "game/numbers.hpp"
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

std::uint8_t completion_of(const Game& game, std::uint32_t step) {
  if (game.max_steps == 0) return 0;
  if (step >= game.max_steps) return 255;
  return static_cast<std::uint8_t>(256U * step / game.max_steps);  // the product wraps at 2^32
}

void write_local_position(const FeatureIds& features, Location spawn, Location now, TokenWriter& writer) {
  const auto write = [&writer](std::uint8_t positive, std::uint8_t negative, int distance) {
    if (distance == 0) return;
    writer.token(kGlobalLocation, distance > 0 ? positive : negative,
                 static_cast<std::uint8_t>(std::min(std::abs(distance), 255)));
  };
  write(features.east, features.west, now.col - spawn.col);
  write(features.north, features.south, spawn.row - now.row);
}

void write_global_tokens(const Game& game, World& world, std::uint32_t row, std::uint8_t completion,
                         TokenWriter& writer) {
  const ObservationConfig& observation = game.observation;
  const FeatureIds& features = observation.features;
  const Agent& agent = world.agents[row];
  const Location now = world.objects[agent.object].location;
  if (observation.episode_completion) {
    writer.token(kGlobalLocation, features.episode_completion, completion);
  }
  if (observation.last_action) {
    writer.token(kGlobalLocation, features.last_action, static_cast<std::uint8_t>(agent.executed_action));
  }
  if (observation.last_action_move) {
    writer.token(kGlobalLocation, features.last_action_move, now == agent.step_start ? 0 : 1);
  }
  // Observations come before rewards are paid, so the published engine always shows 0 here.
  if (observation.last_reward) writer.token(kGlobalLocation, features.last_reward, 0);
  if (observation.local_position) write_local_position(features, agent.spawn, now, writer);
  if (observation.territory) {
    writer.token(kGlobalLocation, features.territory_here, territory_label(world, now, agent.object));
  }
}

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

struct CellsToWrite {
  std::uint64_t left;  // a bit a cell
  std::uint8_t* next;  // where the next token goes
};

// Writes the tokens of cells until one needs care; returns those that are left, it first. A function of its own, without
// calls and with nothing but plain pointers, so that all it needs stays in registers.
[[gnu::noinline]] CellsToWrite write_ready_cells(CellsToWrite cells, const std::uint8_t* last_piece,
                                                 const std::uint16_t* centre, const std::int32_t* offsets,
                                                 const TokenPiece* locations, const TokenPiece* pieces) {
  for (; cells.left != 0; cells.left &= cells.left - 1) {
    const int rank = std::countr_zero(cells.left);
    const TokenPiece* run = pieces + centre[offsets[rank]];
    const std::uint8_t bytes = run->last_byte();
    if (bytes <= kFullPiece && cells.next <= last_piece) [[likely]] {
      TokenWriter::copy_piece(cells.next, run[0], locations[rank]);
    } else if (bytes <= 2 * kFullPiece && cells.next + kPieceBytes <= last_piece) {
      TokenWriter::copy_piece(cells.next, run[0], locations[rank]);
      TokenWriter::copy_piece(cells.next + kFullPiece, run[1], locations[rank]);
    } else {
      break;
    }
    cells.next += bytes;
  }
  return cells;
}

template <bool kTerritory>
TokenWriter write_cells(const Game& game, World& world, std::uint32_t row, const View& view, TokenWriter writer) {
  const ObjectIndex agent = world.agents[row].object;
  const TokenCache& cache = world.tokens;
  const std::uint16_t* centre = &cache.cells[world.cell(world.objects[agent].location)];
  for (std::size_t word = 0; word < view.shown.size(); ++word) {
    const std::int32_t* offsets = cache.offsets.data() + word * 64;
    const TokenPiece* locations = game.observation.tables.locations.data() + word * 64;
    for (std::uint64_t left = view.shown[word]; left != 0;) {
      std::uint64_t together = left;
      if (kTerritory) {  // between the tokens of any two objects there may be borders
        together = left & (0 - left);
        const auto rank = word * 64 + static_cast<std::size_t>(std::countr_zero(left));
        write_territory_borders(game, world, agent, view.clamp, game.observation.window[rank], writer);
      }
      CellsToWrite cells{together, writer.next()};
      cells = write_ready_cells(cells, writer.last_piece(), centre, offsets, locations, cache.pieces.data());
      writer.went_on_to(cells.next);
      left = (left & ~together) | cells.left;
      if (cells.left == 0) continue;
      const auto rank = static_cast<std::size_t>(std::countr_zero(cells.left));
      const auto cell = static_cast<std::size_t>(centre + offsets[rank] - cache.cells.data());
      writer = write_object_with_care(game, world, cell, locations[rank], writer);
      left &= left - 1;
    }
  }
  return writer;
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

void encode_agent(const Game& game, World& world, std::uint32_t row, std::uint8_t completion, View& view) {
  const std::uint32_t budget = game.observation.num_tokens;
  TokenWriter writer(world.buffers.observations + std::size_t{row} * budget * kTokenBytes, budget);
  const ObjectIndex agent = world.agents[row].object;
  write_global_tokens(game, world, row, completion, writer);
  write_observed_values(game, world, agent, writer);
  if (!looks_ahead(game)) look_around(game, world, row, clamped_radius(game, world, agent), {&view, 1});
  if (!sees_ahead(game)) see_objects(game, world, row, {&view, 1});
  writer = game.observation.territory ? write_cells<true>(game, world, row, view, writer)
                                      : write_cells<false>(game, world, row, view, writer);
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
  const std::uint8_t completion = completion_of(game, world.step);
  std::array<View, kMostViews> views;  // none is read before it is written
  for (std::uint32_t first = 0; first < game.num_agents; first += kMostViews) {
    const std::uint32_t some = std::min(kMostViews, game.num_agents - first);
    if (looks_ahead(game)) look_around(game, world, first, whole_window(game), {views.data(), some});
    if (sees_ahead(game)) see_objects(game, world, first, {views.data(), some});
    for (std::uint32_t i = 0; i < some; ++i) {
      prefetch.next_share();
      encode_agent(game, world, first + i, completion, views[i]);
    }
  }
  end_seeing(world);
}

void forget_written_observations(World& world) {
  const Game& game = *world.game;
  TokenCache& cache = world.tokens;
  cache.written_bytes.assign(game.num_agents, game.observation.num_tokens * kTokenBytes);
  cache.scratch.resize(most_pieces_of_an_object(game));
  cache.offsets.clear();
  for (const WindowCell& cell : game.observation.window) cache.offsets.push_back(cell.row * world.width + cell.col);
}

}  // namespace metta
