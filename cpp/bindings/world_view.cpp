#include "bindings/world_view.hpp"

#include <map>
#include <string>
#include <vector>

#include "rules/inventory.hpp"

namespace py = pybind11;

namespace metta::bindings {

namespace {

using Stats = std::map<std::string, float>;

Stats read_tracker(const StatTable& table, std::size_t row, const std::vector<std::string>& names) {
  Stats stats;
  for (std::size_t stat = 0; stat < names.size(); ++stat) {
    if (table.exists(row, stat)) stats[names[stat]] = table.value(row, stat);
  }
  return stats;
}

py::dict as_dict(const Stats& stats) {
  py::dict result;
  for (const auto& [name, value] : stats) result[py::str(name)] = value;
  return result;
}

// In the order in which its tokens stand.
py::dict inventory_of(const World& world, ObjectIndex object) {
  py::dict amounts;
  if (world.inventory_empty(object)) return amounts;
  const auto resources = static_cast<std::uint32_t>(world.game->num_resources());
  const auto groups = static_cast<std::uint32_t>(world.config_of(object).inventory.groups.size());
  const std::uint16_t* first = &world.inventory_pool[world.objects[object].inventory];
  std::vector<std::uint16_t> words(first, first + Inventory::words_needed(resources, groups));
  const Inventory held(words.data(), resources, groups);
  for (std::uint32_t i = 0; i < held.size(); ++i) amounts[py::int_(held.item(i))] = held.amount(held.item(i));
  return amounts;
}

py::dict capacities_of(const World& world, ObjectIndex object) {
  py::dict limits;
  const InventoryConfig& config = world.config_of(object).inventory;
  for (std::size_t r = 0; r < world.game->num_resources(); ++r) {
    if (config.group_of[r] != kNoLimitGroup) limits[py::int_(r)] = effective_limit(world, object, config.group_of[r]);
  }
  return limits;
}

py::list tags_of(const World& world, ObjectIndex object) {
  py::list tags;
  for (std::size_t tag = 0; tag < world.game->num_tags(); ++tag) {
    if (world.has_tag(object, static_cast<TagId>(tag))) tags.append(tag);
  }
  return tags;
}

void add_agent_fields(const World& world, std::uint32_t row, py::dict& record) {
  const Agent& agent = world.agents[row];
  const AgentConfig& config = world.config_of(agent.object).agent;
  const bool acting = row < world.game->num_agents;
  float reward = 0.0F;
  if (acting) {
    for (std::uint32_t i = world.reward_start[row]; i < world.reward_start[row + 1]; ++i) {
      reward += world.previous_rewards[i];
    }
  }
  record["group_id"] = config.group_id;
  record["group_name"] = config.group_name;
  record["agent_id"] = acting ? row : 0;
  record["last_action_id"] = world.agents[acting ? row : 0].executed_action;  // a spawned agent's id is 0
  record["last_animation_id"] = agent.last_animation;
  record["current_stat_reward"] = reward;
  record["steps_without_motion"] = agent.steps_without_motion;
}

}  // namespace

py::dict episode_stats(const World& world) {
  py::list agents;
  for (std::uint32_t row = 0; row < world.game->num_agents; ++row) {
    Stats stats = read_tracker(world.agent_stats, row, world.game->agent_stat_names);
    for (const InvalidIndexCount& seen : world.invalid_index_counts) {
      if (seen.agent == row) stats["action.invalid_index." + std::to_string(seen.index)] = seen.count;
    }
    agents.append(as_dict(stats));
  }
  py::dict result;
  result["game"] = as_dict(read_tracker(world.game_stats, 0, world.game->game_stat_names));
  result["agent"] = agents;
  return result;
}

py::list object_records(const World& world) {
  py::list records;
  for (ObjectIndex index = kFirstObject; index < world.objects.size(); ++index) {
    const Object& object = world.objects[index];
    if (!object.listed) continue;
    py::dict record;
    record["id"] = public_object_id(index);
    record["type_name"] = world.config_of(index).type_name;
    record["r"] = object.location.row;
    record["c"] = object.location.col;
    record["vibe"] = object.vibe;
    record["spawned"] = object.spawned;
    record["tag_ids"] = tags_of(world, index);
    record["inventory"] = inventory_of(world, index);
    record["inventory_capacities"] = capacities_of(world, index);
    if (object.agent != kNoAgent) add_agent_fields(world, object.agent, record);
    records.append(record);
  }
  return records;
}

}  // namespace metta::bindings
