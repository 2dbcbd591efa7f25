#include "rules/coverage.hpp"

#include <algorithm>
#include <cstdlib>

namespace metta {

namespace {

void visit(World& world, std::uint32_t row) {
  const std::size_t cell = world.cell(world.objects[world.agents[row].object].location);
  std::uint64_t& word = world.visited[std::size_t{row} * world.visited_words + cell / 64];
  const std::uint64_t bit = std::uint64_t{1} << (cell % 64);
  if (word & bit) return;
  word |= bit;
  world.agent_stats.set(row, world.game->agent_stats.unique_visited,
                        static_cast<float>(++world.visited_count[row]));
}

}  // namespace

void create_coverage(World& world, std::uint32_t row) {
  world.agent_stats.set(row, world.game->agent_stats.unique_visited, 1.0F);
  world.agent_stats.set(row, world.game->agent_stats.max_distance, 0.0F);
}

void restart_coverage(World& world) {
  std::fill(world.visited.begin(), world.visited.end(), 0);
  std::fill(world.visited_count.begin(), world.visited_count.end(), 0);
  for (std::uint32_t row = 0; row < world.game->num_agents; ++row) {
    visit(world, row);
    world.agent_stats.set(row, world.game->agent_stats.max_distance, 0.0F);
  }
}

void track_coverage(World& world) {
  for (std::uint32_t row = 0; row < world.game->num_agents; ++row) {
    const Agent& agent = world.agents[row];
    const Location now = world.objects[agent.object].location;
    if (now == agent.step_start) continue;
    visit(world, row);
    const auto distance = static_cast<float>(std::abs(now.row - agent.spawn.row) + std::abs(now.col - agent.spawn.col));
    const StatId farthest = world.game->agent_stats.max_distance;
    if (distance > world.agent_stats.value(row, farthest)) world.agent_stats.set(row, farthest, distance);
  }
}

}  // namespace metta
