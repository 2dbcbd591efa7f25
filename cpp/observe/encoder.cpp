#include "observe/encoder.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "observe/object_tokens.hpp"
#include "observe/territory_tokens.hpp"
#include "observe/token_writer.hpp"
#include "observe/visibility.hpp"
#include "rules/numbers.hpp"
#include "rules/territory.hpp"
#include "rules/values.hpp"

namespace metta {

namespace {

// A bit for every position in emission order.
using RankBits = std::array<std::uint64_t, 3>;

// Adds of whole numbers are exact below this, so that they may be summed before they are added to a float.
constexpr float kExactFloats = 16777216.0F;

std::uint8_t completion(const Game& game, std::uint32_t step) {
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

void write_global_tokens(const Game& game, World& world, std::uint32_t row, TokenWriter& writer) {
  const ObservationConfig& observation = game.observation;
  const FeatureIds& features = observation.features;
  const Agent& agent = world.agents[row];
  const Location now = world.objects[agent.object].location;
  if (observation.episode_completion) {
    writer.token(kGlobalLocation, features.episode_completion, completion(game, world.step));
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

// Positions, in emission order, of the visible cells that show something.
RankBits cells_to_show(const Game& game, const World& world, Location at, const WindowRows& visible) {
  const ObservationConfig& observation = game.observation;
  RankBits ranks{};
  const int first_row = at.row - observation.row_radius;
  const int first_col = at.col - observation.col_radius;
  const int begin = std::max(0, -first_row);
  const int end = std::min<int>(observation.height, world.height - first_row);
  for (int row = begin; row < end; ++row) {
    const std::size_t map_row = static_cast<std::size_t>(first_row + row) * world.row_words;
    std::uint32_t shown = columns_from(&world.occupied[map_row], world.row_words, first_col);
    if (observation.territory) shown |= columns_from(&world.territory.borders[map_row], world.row_words, first_col);
    const std::uint8_t* rank = &observation.tables.rank[static_cast<std::size_t>(row) * 16];
    for (std::uint32_t left = shown & visible[row]; left != 0; left &= left - 1) {
      const std::uint8_t position = rank[std::countr_zero(left)];
      ranks[position / 64] |= std::uint64_t{1} << (position % 64);
    }
  }
  return ranks;
}

// Credits an agent with the age of every object it is the first to see in this step. The published engine adds the
// ages one by one; their sum has the same bits as long as all of it is exact.
class VisitedCount {
 public:
  VisitedCount(const Game& game, World& world, std::uint32_t row)
      : world_(world), row_(row), stat_(game.agent_stats.visited) {
    const float before = world.agent_stats.value(row, stat_);
    const float most = static_cast<float>(game.observation.window.size()) * static_cast<float>(world.step);
    one_by_one_ = !(std::trunc(before) == before && std::fabs(before) + most < kExactFloats);
  }
  void see(ObjectTokens& object) {
    const std::uint32_t age = world_.step - object.last_seen;
    object.last_seen = world_.step;
    if (one_by_one_ && age != 0) [[unlikely]] world_.agent_stats.add(row_, stat_, static_cast<float>(age));
    sum_ += age;
  }
  void finish() {
    if (!one_by_one_ && sum_ != 0) world_.agent_stats.add(row_, stat_, static_cast<float>(sum_));
  }

 private:
  World& world_;
  std::uint32_t row_;
  StatId stat_;
  std::uint32_t sum_ = 0;
  bool one_by_one_ = false;
};

void write_cells(const Game& game, World& world, std::uint32_t row, std::size_t clamp, TokenWriter& writer) {
  const ObservationConfig& observation = game.observation;
  const ObjectIndex agent = world.agents[row].object;
  const Location at = world.objects[agent].location;
  const RankBits ranks = cells_to_show(game, world, at, visible_rows(game, world, at, clamp));
  const std::size_t centre = world.cell(at);
  VisitedCount visited(game, world, row);
  for (std::size_t word = 0; word < ranks.size(); ++word) {
    for (std::uint64_t left = ranks[word]; left != 0; left &= left - 1) {
      const WindowCell& cell = observation.window[word * 64 + static_cast<std::size_t>(std::countr_zero(left))];
      if (observation.territory) write_territory_borders(game, world, agent, clamp, cell, writer);
      const ObjectIndex object = world.grid[centre + static_cast<std::size_t>(cell.row * world.width + cell.col)];
      if (object == kNoObject) continue;  // a border of territories, nothing on it
      ObjectTokens& entry = world.tokens.objects[object];
      if (entry.count == ObjectTokens::kStale) [[unlikely]] refresh_object_tokens(game, world, object);
      visited.see(entry);
      writer.blocks(world.tokens.first_word(entry.block), entry.count, cell.packed);
    }
  }
  visited.finish();
}

[[noreturn]] void throw_over_budget(const Game& game, const World& world, std::uint32_t row, std::uint32_t attempted) {
  const Location at = world.objects[world.agents[row].object].location;
  const std::uint32_t budget = game.observation.num_tokens;
  const std::string message = "Observation token budget exceeded for agent " + std::to_string(row) + " at step " +
                              std::to_string(world.step) + " (location=" + std::to_string(at.row) + "," +
                              std::to_string(at.col) + ", budget=" + std::to_string(budget) +
                              ", attempted=" + std::to_string(attempted) +
                              ", dropped=" + std::to_string(attempted - budget) + ")";
  std::fprintf(stderr, "[MettaGrid] %s\n", message.c_str());
  throw WorldError(message);
}

void encode_agent(const Game& game, World& world, std::uint32_t row) {
  const std::uint32_t budget = game.observation.num_tokens;
  TokenWriter writer(world.buffers.observations + std::size_t{row} * budget * kTokenBytes, budget);
  const ObjectIndex agent = world.agents[row].object;
  write_global_tokens(game, world, row, writer);
  write_observed_values(game, world, agent, writer);
  write_cells(game, world, row, clamped_radius(game, world, agent), writer);
  std::uint32_t& written_bytes = world.tokens.written_bytes[row];
  written_bytes = writer.pad(written_bytes);
  const std::uint32_t attempted = writer.attempted();
  if (attempted > budget) throw_over_budget(game, world, row, attempted);
  world.game_stats.add(0, game.game_stats.tokens_written, static_cast<float>(attempted));
  world.game_stats.add(0, game.game_stats.tokens_free_space, static_cast<float>(budget - attempted));
}

}  // namespace

void encode_observations(const Game& game, World& world) {
  if (game.observation.territory) refresh_territory_borders(world);
  for (std::uint32_t row = 0; row < game.num_agents; ++row) encode_agent(game, world, row);
}

void forget_written_observations(World& world) {
  const Game& game = *world.game;
  TokenCache& cache = world.tokens;
  cache.written_bytes.assign(game.num_agents, game.observation.num_tokens * kTokenBytes);
  cache.shared.resize(game.objects.size());
  const std::size_t blocks = (most_tokens_of_an_object(game) + kTokensPerBlock - 1) / kTokensPerBlock;
  cache.scratch.resize(blocks * kWordsPerBlock);
}

}  // namespace metta
