#include "rules/inventory.hpp"

#include <algorithm>

#include "game/numbers.hpp"

namespace metta {

namespace {

// The amount of `item` fell, and it raises limits: whatever is now above its limit is dropped.
void enforce_limits(World& world, ObjectIndex object) {
  const InventoryConfig& config = world.config_of(object).inventory;
  for (std::size_t g = 0; g < config.groups.size(); ++g) {
    const auto group = static_cast<std::uint8_t>(g);
    const auto excess = [&] {
      return std::int32_t{world.inventory(object).total(group)} - effective_limit(world, object, group);
    };
    std::int32_t above = excess();
    for (const ResourceId item : config.enforcement_order) {
      if (above <= 0) break;
      if (config.group_of[item] != group) continue;
      const std::int32_t drop = std::min<std::int32_t>(world.amount(object, item), above);
      if (drop <= 0) continue;
      update_inventory(world, object, item, -drop);
      above = excess();
    }
  }
}

void count_change(World& world, std::uint32_t agent, ResourceId item, std::int32_t change, Quantity amount) {
  const ResourceStats& stats = world.game->resource_stats[item];
  if (change > 0) {
    world.agent_stats.add(agent, stats.gained, static_cast<float>(change));
  } else {
    world.agent_stats.add(agent, stats.lost, static_cast<float>(-change));
    if (amount == 0 && item == world.game->health_resource) {
      world.agent_stats.add(agent, world.game->agent_stats.death, 1);
    }
  }
  world.agent_stats.set(agent, stats.amount, static_cast<float>(amount));
}

}  // namespace

std::int32_t effective_limit(const World& world, ObjectIndex object, std::uint8_t group) {
  const LimitGroup& limit = world.config_of(object).inventory.groups[group];
  std::int32_t capacity = 0;
  for (const LimitModifier& modifier : limit.modifiers) {
    capacity = wrapping_add(capacity, wrapping_multiply(world.amount(object, modifier.resource), modifier.bonus));
  }
  return std::clamp(std::min(limit.max, std::max(limit.base, capacity)), 0, kMaxQuantity);
}

std::int32_t free_space(World& world, ObjectIndex object, ResourceId item) {
  const InventoryConfig& config = world.config_of(object).inventory;
  const std::uint8_t group = config.group_of[item];
  if (group == kNoLimitGroup) return kMaxQuantity - world.amount(object, item);
  return std::max(0, effective_limit(world, object, group) - std::int32_t{world.inventory(object).total(group)});
}

std::int32_t update_inventory(World& world, ObjectIndex object, ResourceId item, std::int32_t delta, Limits limits,
                              Notify notify) {
  const InventoryConfig& config = world.config_of(object).inventory;
  const std::uint8_t group = config.group_of[item];
  Inventory inventory = world.inventory(object);
  const std::int32_t old = inventory.amount(item);
  std::int32_t maximum = kMaxQuantity;
  if (limits == Limits::respected && group != kNoLimitGroup) {
    const std::int32_t others = std::max(0, std::int32_t{inventory.total(group)} - old);
    maximum = std::max(0, effective_limit(world, object, group) - others);
  }
  const std::int32_t amount = std::clamp(wrapping_add(old, delta), 0, maximum);
  const std::int32_t change = amount - old;
  const std::uint32_t buckets = inventory.buckets();
  inventory.store(item, static_cast<Quantity>(amount));
  if (group != kNoLimitGroup) inventory.set_total(group, static_cast<Quantity>(inventory.total(group) + change));
  if (change != 0 || inventory.buckets() != buckets) world.object_changed(object);  // a rehash reorders tokens
  if (change == 0) return 0;
  if (notify == Notify::yes && world.is_agent(object)) {
    count_change(world, world.objects[object].agent, item, change, static_cast<Quantity>(amount));
  }
  if (change < 0 && config.is_modifier[item]) enforce_limits(world, object);
  return change;
}

void set_inventory(World& world, ObjectIndex object, const std::vector<std::pair<ResourceId, Quantity>>& pairs) {
  Inventory held = world.inventory(object);
  std::vector<ResourceId> items(held.size());
  for (std::uint32_t i = 0; i < held.size(); ++i) items[i] = held.item(i);
  for (const ResourceId item : items) update_inventory(world, object, item, -std::int32_t{world.amount(object, item)});
  for (const auto& [item, amount] : pairs) {
    update_inventory(world, object, item, std::int32_t{amount} - world.amount(object, item));
  }
}

}  // namespace metta
