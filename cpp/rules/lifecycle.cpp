#include "rules/lifecycle.hpp"

#include <algorithm>

#include "rules/aoe.hpp"
#include "rules/inventory.hpp"

namespace metta {

void remove_object(World& world, ObjectIndex index) {
  unregister_aoes(world, index);
  Object& object = world.objects[index];
  world.clear_cell(object.location);  // also when something else stands there by now
  object.listed = false;
  const std::uint64_t* tags = world.tags_of(index);
  for (std::size_t tag = 0; tag < world.game->num_tags(); ++tag) {
    if (!((tags[tag / 64] >> (tag % 64)) & 1U)) continue;
    std::vector<ObjectIndex>& list = world.tag_lists[tag];
    const auto position = std::find(list.begin(), list.end(), index);
    if (position != list.end()) list.erase(position);
  }
}

ObjectIndex spawn_object(World& world, ObjectConfigId config, Location at) {
  const ObjectIndex object = world.add_object(config, at, true);
  if (world.objects[object].kind == ObjectKind::agent) add_agent_row(world, object);
  fill_initial_inventory(world, object);
  queue_aoes(world, object);
  return object;
}

void fill_initial_inventory(World& world, ObjectIndex object) {
  const ObjectConfig& config = world.config_of(object);
  const bool agent = config.kind == ObjectKind::agent;
  for (const auto& [resource, amount] : config.inventory.initial) {
    if (amount == 0 && !agent) continue;
    update_inventory(world, object, resource, std::int32_t{amount} - world.amount(object, resource), Limits::ignored,
                     Notify::no);
    if (agent) {
      world.agent_stats.set(world.objects[object].agent, world.game->resource_stats[resource].amount,
                            static_cast<float>(amount));
    }
  }
  for (const InitialStat& stat : config.agent.initial_stats) {
    world.agent_stats.set(world.objects[object].agent, stat.stat, stat.value);
  }
}

std::uint32_t add_agent_row(World& world, ObjectIndex object) {
  const auto row = static_cast<std::uint32_t>(world.agents.size());
  Agent& agent = world.agents.emplace_back();
  agent.object = object;
  agent.spawn = agent.step_start = agent.last_place = world.objects[object].location;
  world.objects[object].agent = row;
  world.agent_stats.add_tracker();
  return row;
}

}  // namespace metta
