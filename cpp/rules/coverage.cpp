#include "rules/coverage.hpp"

#include <algorithm>
#include <bit>
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

void update_farthest(World& world, std::uint32_t row) {
  const Agent& agent = world.agents[row];
  const Location now = world.objects[agent.object].location;
  const auto distance = static_cast<float>(std::abs(now.row - agent.spawn.row) + std::abs(now.col - agent.spawn.col));
  const StatId farthest = world.game->agent_stats.max_distance;
  world.agent_stats.set(row, farthest, std::max(world.agent_stats.value(row, farthest), distance));
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

// Who has not moved is where it was counted before.
void track_coverage(World& world) {
  const std::uint32_t agents = world.game->num_agents;
  for (std::uint32_t first = 0; first < agents; first += 64) {
    // As bits: nobody can foresee who moves, and so a branch for each would often be mispredicted.
    std::uint64_t moved = 0;
    for (std::uint32_t i = 0; i < std::min(agents - first, 64U); ++i) {
      const Agent& agent = world.agents[first + i];
      moved |= std::uint64_t{world.objects[agent.object].location != agent.step_start} << i;
    }
    for (; moved != 0; moved &= moved - 1) {
      const std::uint32_t row = first + static_cast<std::uint32_t>(std::countr_zero(moved));
      visit(world, row);
      update_farthest(world, row);
    }
  }
}

}  // namespace metta
