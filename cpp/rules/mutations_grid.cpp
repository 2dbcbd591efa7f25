// Mutations that move, place or make objects, and the one that aims the context at another cell.
#include "game/numbers.hpp"
#include "rules/filters.hpp"
#include "rules/lifecycle.hpp"
#include "rules/movement.hpp"
#include "rules/mutation_families.hpp"
#include "rules/queries.hpp"
#include "rules/values.hpp"

namespace metta {

void relocate(World& world, Context& context) {
  if (context.actor != kNoObject && world.is_agent(context.actor)) {
    move_object(world, context.actor, context.target_location);
  }
}

void swap(World& world, Context& context) {
  if (context.actor == kNoObject || context.target == kNoObject) return;
  if (!world.is_agent(context.actor) || !world.is_agent(context.target)) return;
  swap_objects(world, context.actor, context.target);
  world.agent_stats.add(world.objects[context.actor].agent, world.game->agent_stats.swap, 1.0F);
}

void spawn_at_target(World& world, const Mutation& mutation, Context& context) {
  if (mutation.object_config == kAbsent || !world.on_grid(context.target_location) ||
      world.object_at(context.target_location) != kNoObject) {
    context.mutation_failed = true;
    return;
  }
  context.target =
      spawn_object(world, static_cast<ObjectConfigId>(mutation.object_config), context.target_location);
}

void raycast_spawn(World& world, const Mutation& mutation, Context& context) {
  if (mutation.object_config == kAbsent || context.target == kNoObject) {
    context.mutation_failed = true;
    return;
  }
  const std::int32_t range = truncate_to_int(resolve_value(world, mutation.value, context, context.target));
  const Location from = world.objects[context.target].location;
  for (std::uint32_t d = 0; d < mutation.directions.count; ++d) {
    const Direction direction = world.game->directions[mutation.directions.first + d];
    for (std::int32_t distance = 1; distance <= range; ++distance) {
      const auto at = offset_location(world, from, direction, distance);
      if (!at) break;
      const ObjectIndex object = world.object_at(*at);
      if (object == kNoObject) {
        spawn_object(world, static_cast<ObjectConfigId>(mutation.object_config), *at);
      } else if (any_passes(world, mutation.blockers, context.with_target(object))) {
        break;
      }
    }
  }
}

void push_object(World& world, Context& context) {
  context.mutation_failed = true;
  if (context.actor == kNoObject || context.target == kNoObject) return;
  const Location pusher = world.objects[context.actor].location;
  const Location pushed = world.objects[context.target].location;
  const auto sign = [](int difference) { return static_cast<std::int16_t>((difference > 0) - (difference < 0)); };
  const Direction away{sign(pushed.row - pusher.row), sign(pushed.col - pusher.col)};
  const auto to = offset_location(world, pushed, away, 1);
  if (to && move_object(world, context.target, *to)) context.mutation_failed = false;
}

void set_relative_target(World& world, const Mutation& mutation, Context& context) {
  if (context.actor == kNoObject) {
    context.mutation_failed = true;
    return;
  }
  const auto at = offset_location(world, world.objects[context.actor].location, kOrientations[mutation.orientation],
                                  mutation.distance);
  if (!at) {
    context.mutation_failed = true;
    return;
  }
  context.target_location = *at;
  context.target = world.object_at(*at);
  context.move_direction = mutation.orientation;
}

void query_place_adjacent(World& world, const Mutation& mutation, Context& context) {
  const ObjectIndex entity = context.entity(mutation.entity);
  if (entity == kNoObject) return;
  const QueryResult anchors(world, mutation.query, context);
  const Location own = world.objects[entity].location;
  for (std::size_t i = 0; i < anchors.size(); ++i) {
    for (std::uint8_t side = 0; side < 4; ++side) {  // north, south, west, east
      const auto at = offset_location(world, world.objects[anchors[i]].location, kOrientations[side], 1);
      // Its own cell is no place for it, even when a removed entity left that cell empty.
      if (at && *at != own && move_object(world, entity, *at)) return;
    }
  }
}

}  // namespace metta
