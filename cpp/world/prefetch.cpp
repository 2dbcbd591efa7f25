#include "world/prefetch.hpp"

#include <algorithm>

namespace metta {

namespace {

// Of one array: what a huge map has beyond that is mostly far from any agent.
constexpr std::size_t kMostBytes = 64 * 1024;

// Into the second level: the first holds little more than the world that is being encoded.
void ask_for(const void* address) { __builtin_prefetch(address, 0, 2); }

void ask_for_range(const void* first, std::size_t bytes) {
  const auto* address = static_cast<const char*>(first);
  for (std::size_t at = 0; at < bytes; at += kCacheLine) ask_for(address + at);
}

}  // namespace

void prefetch_fields(const World& world) {
  const auto* fields = reinterpret_cast<const char*>(&world);
  const auto* random = reinterpret_cast<const char*>(&world.random);  // large, and a step reads one line of it
  ask_for_range(fields, static_cast<std::size_t>(random - fields));
  ask_for_range(random + sizeof(Random), static_cast<std::size_t>(fields + sizeof(World) - random) - sizeof(Random));
}

void prefetch_agents(const World& world) {
  ask_for_range(world.agents.data(), world.agents.size() * sizeof(Agent));
  ask_for_range(world.buffers.actions, world.agents.size() * sizeof(std::int32_t));
  ask_for_range(world.buffers.rewards, world.agents.size() * sizeof(float));
  ask_for_range(world.reward_start.data(), world.agents.size() * sizeof(std::uint32_t));
  ask_for(world.buffers.terminals);
  ask_for(world.buffers.truncations);
  ask_for(world.random.next_word());
}

Prefetch::Prefetch(const World* world, std::uint32_t shares) {
  if (world == nullptr || world->game == nullptr) return;
  world_ = world;
  const auto add = [&](const void* data, std::size_t bytes) {
    const std::size_t lines = std::min(bytes, kMostBytes) / kCacheLine + 1;
    runs_[num_runs_++] = {static_cast<const char*>(data), static_cast<std::uint32_t>((lines + shares - 1) / shares)};
  };
  const auto add_all = [&add](const auto& items) { add(items.data(), items.size() * sizeof(items[0])); };
  // Few agents see little of a map, and what it will be is not known yet.
  if (shares * world->game->observation.window.size() >= world->grid.size()) {
    add_all(world->tokens.cells);
    add_all(world->occupied);
    add_all(world->seen.before);
    add_all(world->seen.now);
    add_all(world->seen.steps_from_base);
  }
  add_all(world->tokens.pieces);
  add_all(world->tokens.written_bytes);
  add_all(world->inventory_pool);
  add_all(world->previous_rewards);
  add(world->agent_stats.values().data(), kEngineStats * world->agent_stats.room() * sizeof(float));
}

std::size_t Prefetch::cell_ahead(std::uint32_t row) const {
  const std::vector<Action>& actions = world_->game->actions;
  const auto index = static_cast<std::uint32_t>(world_->buffers.actions[row]);
  const Action& action = actions[std::min<std::size_t>(index, actions.size() - 1)];
  const Direction way = action.kind == ActionKind::move ? kOrientations[action.orientation] : Direction{};
  const auto step = static_cast<std::size_t>(way.row * world_->width + way.col);
  return std::min(world_->cell(world_->agents[row].last_place) + step, world_->grid.size() - 1);
}

// One function: GCC takes one that only prefetches for one that does nothing, and leaves its calls out.
// The grid is read where agents stand and where they go, the map's other arrays wherever somebody looks.
void Prefetch::next_share() {
  if (world_ == nullptr) return;
  const World& world = *world_;
  if (row_ < world.agents.size()) {
    const Agent& agent = world.agents[row_];
    const std::size_t cell = world.cell(agent.last_place);
    ask_for(&world.objects[agent.object]);
    ask_for(&world.visited[row_ * world.visited_words + cell / 64]);
    ask_for(&world.grid[cell]);
    ask_for(&world.grid[cell_ahead(row_)]);
  }
  ++row_;
  for (std::size_t run = 0; run < num_runs_; ++run) {
    Run& lines = runs_[run];
    const char* const end = lines.next + lines.lines_a_share * kCacheLine;
    for (; lines.next < end; lines.next += kCacheLine) ask_for(lines.next);
  }
}

}  // namespace metta
