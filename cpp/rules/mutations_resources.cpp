// Mutations that change what objects hold.
#include <algorithm>
#include <array>

#include "rules/inventory.hpp"
#include "rules/lifecycle.hpp"
#include "rules/mutation_families.hpp"
#include "rules/queries.hpp"

namespace metta {

void resource_delta(World& world, const Mutation& mutation, Context& context) {
  const ObjectIndex entity = require_entity(context.entity(mutation.entity), "resource_delta");
  // Under a fixed AOE the deltas on its agent are summed and applied once; those that shift limits are not.
  if (context.deferred != nullptr && mutation.entity == Entity::target &&
      !world.config_of(entity).inventory.is_modifier[mutation.resource]) {
    context.deferred->add(mutation.resource, mutation.amount);
    return;
  }
  update_inventory(world, entity, mutation.resource, mutation.amount);
}

void resource_transfer(World& world, const Mutation& mutation, Context& context) {
  const ObjectIndex source = require_entity(context.entity(mutation.entity), "resource_transfer");
  const ObjectIndex destination = require_entity(context.entity(mutation.destination), "resource_transfer");
  const ResourceId item = mutation.resource;
  const std::int32_t held = world.amount(source, item);
  const std::int32_t wanted = mutation.amount < 0 ? held : mutation.amount;
  if (wanted > 0) {
    const std::int32_t moved = std::min({wanted, held, free_space(world, destination, item)});
    // Both are updated even when nothing moves: that cuts a holding above its limit down to it.
    update_inventory(world, source, item, -moved);
    update_inventory(world, destination, item, moved);
    if (moved > 0 && world.is_agent(source)) {
      world.agent_stats.add(world.objects[source].agent, world.game->resource_stats[item].deposited,
                            static_cast<float>(moved));
    }
  }
  if (mutation.remove_source_when_empty && world.inventory_empty(source)) remove_object(world, source);
}

void clear_inventory(World& world, const Mutation& mutation, Context& context) {
  const ObjectIndex entity = require_entity(context.entity(mutation.entity), "clear_inventory");
  std::array<ResourceId, 256> items{};
  std::uint32_t count = mutation.resources.count;
  if (count > 0) {
    std::copy_n(&world.game->resource_lists[mutation.resources.first], count, items.begin());
  } else {  // a group without known resources clears everything, in the order it is held
    const Inventory held = world.inventory(entity);
    count = held.size();
    for (std::uint32_t i = 0; i < count; ++i) items[i] = held.item(i);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::int32_t amount = world.amount(entity, items[i]);
    if (amount > 0) update_inventory(world, entity, items[i], -amount);
  }
}

namespace {

// Moves up to |delta| between `holder` and `object`: to the object when positive. Returns what moved.
std::int32_t exchange(World& world, ObjectIndex holder, ObjectIndex object, ResourceId item, std::int32_t delta) {
  const ObjectIndex from = delta > 0 ? holder : object;
  const ObjectIndex to = delta > 0 ? object : holder;
  const std::int64_t wanted = delta > 0 ? std::int64_t{delta} : -std::int64_t{delta};
  const std::int64_t available = std::min<std::int64_t>(wanted, world.amount(from, item));
  const auto moved = static_cast<std::int32_t>(std::min<std::int64_t>(available, free_space(world, to, item)));
  if (moved <= 0) return 0;
  update_inventory(world, from, item, -moved);
  update_inventory(world, to, item, moved);
  return moved;
}

}  // namespace

void query_inventory(World& world, const Mutation& mutation, Context& context) {
  const QueryResult found(world, mutation.query, context);
  if (found.size() == 0) return;
  const ObjectIndex holder =
      mutation.has_source ? require_entity(context.entity(mutation.entity), "query_inventory") : kNoObject;
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (std::uint32_t d = 0; d < mutation.deltas.count; ++d) {
      const ResourceDelta& change = world.game->resource_deltas[mutation.deltas.first + d];
      if (!mutation.has_source) {
        update_inventory(world, found[i], change.resource, change.delta);
        continue;
      }
      const std::int32_t moved = exchange(world, holder, found[i], change.resource, change.delta);
      if (moved != 0 && change.transfer_stat != kAbsent) {
        world.game_stats.add(0, change.transfer_stat, static_cast<float>(moved));
      }
    }
  }
}

}  // namespace metta
