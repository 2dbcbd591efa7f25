#include "world/prefetch.hpp"

#include <algorithm>

namespace metta {

namespace {

constexpr std::size_t kCacheLine = 64;

// Of one array: what a huge map has beyond that is mostly far from any agent.
constexpr std::size_t kMostBytes = 16 * 1024;

// The part of an agent's row that most observations fill, with what is padded behind it. As many as were written the
// last time would be a loop whose end is mispredicted.
constexpr std::size_t kRowLines = 6;

void ask_for_range(const void* first, std::size_t bytes) {
  const auto* address = static_cast<const char*>(first);
  for (std::size_t at = 0; at < bytes; at += kCacheLine) ask_for(address + at);
}

}  // namespace

void prefetch_fields(const World& world) {
  const auto* fields = reinterpret_cast<const char*>(&world);
  const auto* random = reinterpret_cast<const char*>(&world.random);  // large, and a step reads few lines of it
  ask_for_range(fields, static_cast<std::size_t>(random - fields));
  ask_for_range(random + sizeof(Random), static_cast<std::size_t>(fields + sizeof(World) - random) - sizeof(Random));
}

void prefetch_agents(const World& world) {
  const std::size_t agents = world.agents.size();
  ask_for_range(world.agents.data(), agents * sizeof(Agent));
  ask_for_range(world.buffers.actions, agents * sizeof(std::int32_t));
  if (world.buffers.vibe_actions != nullptr) {
    ask_for_range(world.buffers.vibe_actions, agents * sizeof(std::int32_t));
  }
  ask_for_range(world.buffers.rewards, agents * sizeof(float));
  ask_for_range(world.reward_start.data(), agents * sizeof(std::uint32_t));
  ask_for(world.buffers.terminals);
  ask_for(world.buffers.truncations);
  ask_for_range(world.random.next_word(), agents * sizeof(std::uint32_t));  // to shuffle them draws half as many
}

Prefetch::Prefetch(const World* world, std::uint32_t shares) {
  if (world == nullptr || world->game == nullptr) return;
  world_ = world;
  const auto add_all = [this](const auto& items) { add(items.data(), items.size() * sizeof(items[0])); };
  const auto add_stats = [&](const StatTable& stats, std::size_t of_engine) {
    add(stats.values().data(), of_engine * stats.room() * sizeof(float));
    add_all(stats.touched());
  };
  add_all(world->agent_order);
  add_all(world->action_success);
  add_all(world->inventory_pool);
  add_all(world->visited_count);
  add_all(world->farthest);
  add_stats(world->agent_stats, kEngineStats);
  add_stats(world->game_stats, kEngineGameStats);
  // Few agents see little of a map: then what is around each of them is asked for with its share.
  whole_map_ = shares * world->game->observation.window.size() >= world->grid.size();
  if (whole_map_) {
    add_all(world->tokens.cells);
    add_all(world->occupied);
    add_all(world->seen.before);
    add_all(world->seen.now);
    add_all(world->seen.steps_from_base);
  }
  add_all(world->tokens.pieces);
  add_all(world->tokens.offsets);
  add_all(world->tokens.written_bytes);
  add_all(world->previous_rewards);
  add_all(world->episode_rewards);
  add_all(world->aoe.inside_fixed);
  add_all(world->aoe.inside_mobile);
  add_all(world->aoe.mobile);
  add_all(world->territory.agent_owner);
  add_all(world->territory.borders);
  lines_a_share_ = static_cast<std::uint32_t>((num_lines_ + shares - 1) / shares);
}

// Exactly the lines of the arrays, one after the other: a share then is a loop over some of them whose end is foreseen.
void Prefetch::add(const void* data, std::size_t bytes) {
  const auto* first = static_cast<const char*>(data);
  const auto before = reinterpret_cast<std::uintptr_t>(data) % kCacheLine;
  const std::size_t lines = (before + std::min(bytes, kMostBytes) + kCacheLine - 1) / kCacheLine;
  const std::size_t end = std::min(num_lines_ + lines, kMostLines);
  for (const char* line = first - before; num_lines_ < end; line += kCacheLine) lines_[num_lines_++] = line;
}

// What observations read of the map around an agent: the two ends of each row, and the words of its bits.
void Prefetch::ask_for_window(Location at) const {
  const World& world = *world_;
  const ObservationConfig& observation = world.game->observation;
  const int first_row = std::max(at.row - observation.row_radius, 0);
  const int end_row = std::min(at.row + observation.row_radius + 1, int{world.height});
  const int first_col = std::max(at.col - observation.col_radius, 0);
  const int last_col = std::min(at.col + observation.col_radius, world.width - 1);
  for (int row = first_row; row < end_row; ++row) {
    const std::size_t cells = static_cast<std::size_t>(row) * world.width;
    for (const int col : {first_col, last_col}) {
      ask_for(&world.tokens.cells[cells + static_cast<std::size_t>(col)]);
      ask_for(&world.seen.steps_from_base[cells + static_cast<std::size_t>(col)]);
    }
  }
  const auto word = world.bit_layout.corner(at.row - observation.row_radius, at.col - observation.col_radius).word;
  const std::size_t right = word + world.bit_layout.next_columns();
  for (const std::size_t end : {word, word + kWindowRows - 1, right, right + kWindowRows - 1}) {
    ask_for(&world.occupied[end]);
    ask_for(&world.seen.before[end]);
    ask_for(&world.seen.now[end]);
  }
}

// The grid is read where agents stand and where they go, which is in one of three lines whatever their actions say; the
// map's other arrays wherever somebody looks.
void Prefetch::next_share() {
  if (world_ == nullptr) return;
  const World& world = *world_;
  const Game& game = *world.game;
  if (row_ < game.num_agents) {
    const Agent& agent = world.agents[row_];
    const std::size_t here = world.cell(agent.last_place);
    ask_for(&world.objects[agent.object]);
    ask_for(&world.visited[row_ * world.visited_words + here / 64]);
    for (const std::size_t cell : {here - std::min<std::size_t>(here, world.width), here,
                                   std::min(here + world.width, world.grid.size() - 1)}) {
      ask_for(&world.grid[cell]);
      if (!world.aoe.covering.empty()) ask_for(&world.aoe.covering[cell * world.aoe.fixed_words]);
      if (!world.territory.owners.empty()) ask_for(&world.territory.owners[cell]);
    }
    if (!whole_map_) ask_for_window(agent.last_place);
    const std::uint8_t* observation =
        world.buffers.observations + std::size_t{row_} * game.observation.num_tokens * kTokenBytes;
    for (std::size_t line = 0; line < kRowLines; ++line) ask_for(observation + line * kCacheLine);
  }
  ++row_;
  const std::size_t end = std::min(next_line_ + lines_a_share_, num_lines_);
  for (; next_line_ < end; ++next_line_) ask_for(lines_[next_line_]);
}

}  // namespace metta
