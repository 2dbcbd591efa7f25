// Dispatch, and the mutations that need no family of their own. Resources: mutations_resources.cpp; what moves,
// places or makes objects: mutations_grid.cpp.
#include "rules/mutations.hpp"

#include "rules/handlers.hpp"
#include "rules/mutation_families.hpp"
#include "rules/tags.hpp"
#include "rules/values.hpp"

namespace metta {

namespace {

void set_stat(World& world, const Mutation& mutation, const Context& context) {
  const ObjectIndex entity = context.entity(mutation.entity);
  const float value = resolve_value(world, mutation.source, context, entity);
  if (mutation.scope == Scope::game) {
    world.game_stats.set(0, mutation.stat, value);
  } else if (entity != kNoObject && world.is_agent(entity)) {
    world.agent_stats.set(world.objects[entity].agent, mutation.stat, value);
  }
}

void remove_tags(World& world, const Mutation& mutation, const Context& context) {
  if (mutation.tags.empty()) return;
  const ObjectIndex entity = require_entity(context.entity(mutation.entity), "remove_tags_with_prefix");
  for (std::uint32_t i = 0; i < mutation.tags.count; ++i) {
    remove_tag(world, entity, world.game->tag_lists[mutation.tags.first + i], context);
  }
}

void set_game_value(World& world, const Mutation& mutation, const Context& context) {
  const ObjectIndex entity = context.entity(mutation.entity);
  update_value(world, mutation.value, resolve_value(world, mutation.source, context, entity), entity);
}

}  // namespace

ObjectIndex require_entity(ObjectIndex entity, const char* mutation) {
  if (entity == kNoObject) {
    throw WorldError(std::string("mutation ") + mutation +
                     " applied to a missing entity (the published engine crashes here)");
  }
  return entity;
}

void use_target(World& world, Context& context) {
  context.mutation_failed = true;
  if (context.actor == kNoObject || !world.is_agent(context.actor) || context.target == kNoObject) return;
  const HandlerId on_use = world.config_of(context.target).on_use;
  if (on_use == kAbsent) return;
  Context use = context;
  use.mutation_failed = false;
  if (!try_handler(world, on_use, use)) return;
  context.mutation_failed = false;
  const HandlerId on_after_use = world.config_of(context.actor).agent.on_after_use;
  if (on_after_use != kAbsent) try_handler(world, on_after_use, context);
  world.agents[world.objects[context.actor].agent].last_animation = 1;
}

void apply_mutation(World& world, const Mutation& mutation, Context& context) {
  const ObjectIndex entity = context.entity(mutation.entity);
  switch (mutation.kind) {
    case MutationKind::resource_delta:
      return resource_delta(world, mutation, context);
    case MutationKind::resource_transfer:
      return resource_transfer(world, mutation, context);
    case MutationKind::clear_inventory:
      return clear_inventory(world, mutation, context);
    case MutationKind::query_inventory:
      return query_inventory(world, mutation, context);
    case MutationKind::set_stat:
      return set_stat(world, mutation, context);
    case MutationKind::set_game_value:
      return set_game_value(world, mutation, context);
    case MutationKind::add_tag:
      if (entity != kNoObject) add_tag(world, entity, mutation.tag);
      return;
    case MutationKind::remove_tag:
      if (entity != kNoObject) remove_tag(world, entity, mutation.tag, context);
      return;
    case MutationKind::remove_tags:
      return remove_tags(world, mutation, context);
    case MutationKind::change_vibe:
      if (entity != kNoObject) world.set_vibe(entity, mutation.vibe);
      return;
    case MutationKind::recompute_query:
      if (mutation.materialized != kAbsent) recompute_materialized_query(world, mutation.materialized, context);
      return;
    case MutationKind::query_place_adjacent:
      return query_place_adjacent(world, mutation, context);
    case MutationKind::relocate:
      return relocate(world, context);
    case MutationKind::swap:
      return swap(world, context);
    case MutationKind::use_target:
      return use_target(world, context);
    case MutationKind::spawn_object:
      return spawn_at_target(world, mutation, context);
    case MutationKind::raycast_spawn:
      return raycast_spawn(world, mutation, context);
    case MutationKind::push_object:
      return push_object(world, context);
    case MutationKind::set_relative_target:
      return set_relative_target(world, mutation, context);
  }
}

void apply_all_mutations(World& world, Range mutations, Context& context) {
  for (std::uint32_t i = 0; i < mutations.count; ++i) {
    apply_mutation(world, world.game->mutations[mutations.first + i], context);
  }
}

}  // namespace metta
