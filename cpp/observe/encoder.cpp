#include "observe/encoder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "game/numbers.hpp"
#include "observe/object_tokens.hpp"
#include "observe/seen_objects.hpp"
#include "observe/territory_tokens.hpp"
#include "observe/token_writer.hpp"
#include "observe/visibility.hpp"
#include "rules/territory.hpp"
#include "rules/values.hpp"
#include "world/prefetch.hpp"

namespace metta {

namespace {

// Adds of whole numbers are exact below this, so that they may be summed before they are added to a float.
constexpr float kExactFloats = 16777216.0F;

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

// Index of the mask for this agent's present radius.
std::size_t clamped_radius(const Game& game, World& world, ObjectIndex agent) {
  const std::size_t whole = game.observation.tables.masks.size() - 1;
  if (game.observation.radius_value == kAbsent) return whole;
  Context context;
  context.actor = context.target = agent;
  const int radius = truncate_to_int(resolve_value(world, game.observation.radius_value, context, agent));
  return std::min(whole, static_cast<std::size_t>(std::max(radius, 0)));
}

// The visible cells whose bit is set in a bitmap over the map, one bit a column. Cells off the map have none.
WindowRows rows_of(const Game& game, const World& world, const std::vector<std::uint64_t>& bitmap, Location at,
                   const WindowRows& visible) {
  const ObservationConfig& observation = game.observation;
  WindowRows rows{};
  const int first_row = at.row - observation.row_radius;
  const int first_col = at.col - observation.col_radius;
  const int end = std::min<int>(observation.height, world.height - first_row);
  for (int row = std::max(0, -first_row); row < end; ++row) {
    const std::size_t map_row = static_cast<std::size_t>(first_row + row) * world.row_words;
    rows[row] = static_cast<std::uint16_t>(columns_from(&bitmap[map_row], world.row_words, first_col) & visible[row]);
  }
  return rows;
}

// Cells of the window as positions in emission order. Five columns at a time through a table: to walk the bits of each
// row would cost a mispredicted branch a row.
RankBits in_emission_order(const ObservationConfig& observation, const WindowRows& rows) {
  // A vector and a word: a loop over plain words is turned into gathers, which are slower.
  using TwoWords [[gnu::vector_size(16)]] = std::uint64_t;
  TwoWords first{};
  std::uint64_t third = 0;
  const RankBits* table = observation.tables.ranks.data();
  for (int row = 0; row < observation.height; ++row) {
    std::uint32_t left = rows[row];
    for (int chunk = 0; chunk < kChunks; ++chunk, left >>= kChunkBits, table += kChunkPatterns) {
      const RankBits& entry = table[left % kChunkPatterns];
      TwoWords words;
      std::memcpy(&words, entry.data(), sizeof words);
      first |= words;
      third |= entry[2];
    }
  }
  return {first[0], first[1], third};
}

void credit_ages_one_by_one(const Game& game, World& world, std::uint32_t row, Location at, const WindowRows& objects) {
  const RankBits ranks = in_emission_order(game.observation, objects);
  for (std::size_t word = 0; word < ranks.size(); ++word) {
    for (std::uint64_t left = ranks[word]; left != 0; left &= left - 1) {
      const WindowCell& cell = game.observation.window[word * 64 + static_cast<std::size_t>(std::countr_zero(left))];
      const std::uint32_t age = age_of_object(
          world, {static_cast<std::uint16_t>(at.row + cell.row), static_cast<std::uint16_t>(at.col + cell.col)});
      if (age != 0) world.agent_stats.add(row, game.agent_stats.visited, static_cast<float>(age));
    }
  }
}

// An agent is credited with the age of every object that it is the first to see in this step. The published engine adds
// ages one by one to a float; where all of it is a whole number below 2^24 their sum has the same bits.
void credit_ages(const Game& game, World& world, std::uint32_t row, Location at, const SeenRows& seen) {
  if (seen.ages == 0) return;
  const float before = world.agent_stats.value(row, game.agent_stats.visited);
  if (std::trunc(before) == before && std::fabs(before) + static_cast<float>(seen.ages) < kExactFloats) [[likely]] {
    world.agent_stats.add(row, game.agent_stats.visited, static_cast<float>(seen.ages));
  } else {
    credit_ages_one_by_one(game, world, row, at, seen.first_seen);
  }
}

// Tokens that changed since they were last looked at, that are not copied at once, or that may lack room.
[[gnu::noinline]] TokenWriter write_object_with_care(const Game& game, World& world, std::size_t cell,
                                                     const TokenPiece& location, TokenWriter writer) {
  TokenCache& cache = world.tokens;
  TokenPlace& place = cache.cells[cell];
  if (place.count() == TokenPlace::kStale) {
    refresh_object_tokens(game, world, world.grid[cell]);
    place = cache.objects[world.grid[cell]];
  }
  const std::uint32_t count = place.count() == TokenPlace::kMany ? cache.header(place.word()).tokens : place.count();
  writer.copy(cache.words.data() + place.word(), count, location);
  return writer;
}

// Takes and returns the writer by value, and reads tables through local pointers: a store of bytes may alias anything,
// so that the compiler would otherwise reload all of them for every object.
template <bool kTerritory>
TokenWriter write_cells(const Game& game, World& world, std::uint32_t row, std::size_t clamp, TokenWriter writer) {
  const ObjectIndex agent = world.agents[row].object;
  const Location at = world.objects[agent].location;
  const WindowRows visible = visible_rows(game, world, at, clamp);
  const SeenRows seen = see_objects(world, at, visible);
  credit_ages(game, world, row, at, seen);
  WindowRows shown = seen.objects;
  if (kTerritory) {
    const WindowRows borders = rows_of(game, world, world.territory.borders, at, visible);
    for (std::size_t line = 0; line < shown.size(); ++line) shown[line] |= borders[line];
  }
  const RankBits ranks = in_emission_order(game.observation, shown);
  const std::int32_t* offsets = world.tokens.offsets.data();
  const TokenPiece* locations = game.observation.tables.locations.data();
  const TokenPlace* centre = &world.tokens.cells[world.cell(at)];
  const std::uint64_t* words = world.tokens.words.data();
  for (std::size_t word = 0; word < ranks.size(); ++word) {
    for (std::uint64_t left = ranks[word]; left != 0; left &= left - 1) {
      const std::size_t rank = word * 64 + static_cast<unsigned>(std::countr_zero(left));
      if (kTerritory) write_territory_borders(game, world, agent, clamp, game.observation.window[rank], writer);
      const TokenPlace place = centre[offsets[rank]];
      if (writer.room_at_once(place.count())) [[likely]] {
        writer.copy_at_once(words + place.word(), place.count(), locations[rank]);
        continue;
      }
      if (writer.room_for_two(place.count())) {
        writer.copy_two(words + place.word(), place.count(), locations[rank]);
        continue;
      }
      const std::size_t cell = world.cell(at) + static_cast<std::size_t>(offsets[rank]);
      writer = write_object_with_care(game, world, cell, locations[rank], writer);
      words = world.tokens.words.data();
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

// The part of an agent's row that will be written, judging by the last time.
void prefetch_row(const Game& game, const World& world, std::uint32_t row) {
  if (row >= game.num_agents) return;
  const std::uint8_t* bytes =
      world.buffers.observations + std::size_t{row} * game.observation.num_tokens * kTokenBytes;
  const std::size_t size = std::min<std::size_t>(world.tokens.written_bytes[row] + kPieceBytes, 8 * kCacheLine);
  for (std::size_t at = 0; at < size; at += kCacheLine) __builtin_prefetch(bytes + at, 1);
}

void encode_agent(const Game& game, World& world, std::uint32_t row, std::uint8_t completion) {
  const std::uint32_t budget = game.observation.num_tokens;
  TokenWriter writer(world.buffers.observations + std::size_t{row} * budget * kTokenBytes, budget);
  const ObjectIndex agent = world.agents[row].object;
  write_global_tokens(game, world, row, completion, writer);
  write_observed_values(game, world, agent, writer);
  const std::size_t clamp = clamped_radius(game, world, agent);
  writer = game.observation.territory ? write_cells<true>(game, world, row, clamp, writer)
                                      : write_cells<false>(game, world, row, clamp, writer);
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
  constexpr std::uint32_t kRowsAhead = 2;
  for (std::uint32_t row = 0; row < kRowsAhead; ++row) prefetch_row(game, world, row);
  const std::uint8_t completion = completion_of(game, world.step);
  for (std::uint32_t row = 0; row < game.num_agents; ++row) {
    prefetch_row(game, world, row + kRowsAhead);
    prefetch.next_share();
    encode_agent(game, world, row, completion);
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
