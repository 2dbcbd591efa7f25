#include "rules/coverage.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace metta {

namespace {

void visit(World& world, std::uint32_t row) {
  const Agent& agent = world.agents[row];
  const Location now = world.objects[agent.object].location;
  const std::int32_t distance = std::abs(now.row - agent.spawn.row) + std::abs(now.col - agent.spawn.col);
  world.farthest[row] = std::max(world.farthest[row], distance);
  const std::size_t cell = world.cell(now);
  std::uint64_t& word = world.visited[std::size_t{row} * world.visited_words + cell / 64];
  const std::uint64_t bit = std::uint64_t{1} << (cell % 64);
  world.visited_count[row] += (word & bit) == 0;
  word |= bit;
}

// In every step, moved or not: what a rule has written over them does not last.
void write_coverage(World& world) {
  const AgentStatIds& stats = world.game->agent_stats;
  world.agent_stats.set_existing(stats.unique_visited, world.visited_count);
  world.agent_stats.set_existing(stats.max_distance, world.farthest);
}

}  // namespace

void create_coverage(World& world, std::uint32_t row) {
  world.agent_stats.set(row, world.game->agent_stats.unique_visited, 1.0F);
  world.agent_stats.set(row, world.game->agent_stats.max_distance, 0.0F);
}

void restart_coverage(World& world) {
  std::fill(world.visited.begin(), world.visited.end(), 0);
  std::fill(world.visited_count.begin(), world.visited_count.end(), 0);
  std::fill(world.farthest.begin(), world.farthest.end(), 0);
  for (std::uint32_t row = 0; row < world.game->num_agents; ++row) visit(world, row);
  write_coverage(world);
}

void track_coverage(World& world) {
  const std::uint32_t agents = world.game->num_agents;
  for (std::uint32_t first = 0; first < agents; first += 64) {
    const std::uint32_t end = std::min(first + 64, agents);
    std::uint64_t moved = 0;
    for (std::uint32_t row = first; row < end; ++row) {
      const Agent& agent = world.agents[row];
      moved |= std::uint64_t{world.objects[agent.object].location != agent.step_start} << (row - first);
    }
    // Who has not moved has visited its cell before. From bits, because nobody can foresee who moves: a branch for each
    // agent would often be mispredicted.
    for (; moved != 0; moved &= moved - 1) visit(world, first + static_cast<std::uint32_t>(std::countr_zero(moved)));
  }
  write_coverage(world);
}

}  // namespace metta
