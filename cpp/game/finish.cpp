#include "game/finish.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "game/hash_order.hpp"
#include "game/validate.hpp"
#include "game/window.hpp"

namespace metta {

namespace {

void finish_inventory(InventoryConfig& inventory, std::size_t resources) {
  inventory.group_of.assign(resources, kNoLimitGroup);
  inventory.is_modifier.assign(resources, 0);
  std::vector<ResourceId> limited;
  for (std::size_t g = 0; g < inventory.groups.size(); ++g) {
    for (const ResourceId member : inventory.groups[g].members) {
      inventory.group_of.at(member) = static_cast<std::uint8_t>(g);  // the later of two groups has it
      limited.push_back(member);
    }
  }
  // A group that lost all its members to later ones is out of reach: what modifies only it modifies nothing.
  for (const std::uint8_t g : inventory.group_of) {
    if (g == kNoLimitGroup) continue;
    for (const LimitModifier& modifier : inventory.groups[g].modifiers) inventory.is_modifier.at(modifier.resource) = 1;
  }
  inventory.enforcement_order = hash_order(limited, false);

  std::vector<ResourceId> keys;
  for (const auto& entry : inventory.initial) keys.push_back(entry.first);
  std::vector<std::pair<ResourceId, Quantity>> ordered;
  for (const ResourceId key : hash_order(keys, true)) {
    const auto entry = std::find_if(inventory.initial.begin(), inventory.initial.end(),
                                    [key](const auto& pair) { return pair.first == key; });
    ordered.push_back(*entry);
  }
  inventory.initial = std::move(ordered);
}

// The published engine takes them as a hash table of strings; the order decides which is the oldest.
void finish_initial_stats(AgentConfig& agent, const std::vector<std::string>& names) {
  std::unordered_map<std::string, InitialStat> table;
  table.reserve(agent.initial_stats.size());
  for (const InitialStat& stat : agent.initial_stats) table.emplace(names.at(stat.stat), stat);
  agent.initial_stats.clear();
  for (const auto& [name, stat] : table) agent.initial_stats.push_back(stat);
}

void finish_rewards(const Game& game, std::vector<RewardEntry>& rewards) {
  for (RewardEntry& entry : rewards) {
    const Value& value = game.values[entry.value];
    if (value.kind != ValueKind::sum || value.terms.count != 1 || value.logarithm) continue;
    const ValueTerm& term = game.value_terms[value.terms.first];
    const Value& amount = game.values[term.value];
    if (amount.kind != ValueKind::inventory) continue;
    entry.is_amount = true;
    entry.resource = amount.resource;
    if (value.weighted) entry.weight = term.weight;
  }
}

void finish_observation(Game& game) {
  ObservationConfig& observation = game.observation;
  observation.row_radius = observation.height / 2;
  observation.col_radius = observation.width / 2;
  observation.window = window_cells(observation.row_radius, observation.col_radius);
  observation.any_blocks_vision =
      std::any_of(game.objects.begin(), game.objects.end(), [](const ObjectConfig& o) { return o.blocks_vision; });
  fill_observation_tables(observation);
}

}  // namespace

std::shared_ptr<const Game> finish_game(Game game) {
  // What acts for a territory holds things like any object, but has no config of its own.
  game.proxy_config = static_cast<ObjectConfigId>(game.objects.size());
  game.objects.emplace_back();
  validate_game(game);
  game.tag_words = static_cast<std::uint32_t>(std::max<std::size_t>(1, (game.num_tags() + 63) / 64));
  for (ObjectConfig& object : game.objects) {
    finish_inventory(object.inventory, game.num_resources());
    finish_initial_stats(object.agent, game.agent_stat_names);
    finish_rewards(game, object.agent.rewards);
    std::sort(object.tags.begin(), object.tags.end());
    object.tags.erase(std::unique(object.tags.begin(), object.tags.end()), object.tags.end());
    game.any_agent_on_tick = game.any_agent_on_tick || object.agent.on_tick != kAbsent;
    game.any_aoe = game.any_aoe || !object.aoes.empty();
    game.any_territory_control = game.any_territory_control || !object.territory_controls.empty();
  }
  finish_observation(game);
  return std::make_shared<const Game>(std::move(game));
}

}  // namespace metta
