// The mutations by family, called by apply_mutation only.
#pragma once

#include "rules/context.hpp"

namespace metta {

// Throws where the published engine would follow a null pointer.
ObjectIndex require_entity(ObjectIndex entity, const char* mutation);

// mutations_resources.cpp
void resource_delta(World& world, const Mutation& mutation, Context& context);
void resource_transfer(World& world, const Mutation& mutation, Context& context);
void clear_inventory(World& world, const Mutation& mutation, Context& context);
void query_inventory(World& world, const Mutation& mutation, Context& context);

// mutations_grid.cpp
void query_place_adjacent(World& world, const Mutation& mutation, Context& context);
void relocate(World& world, Context& context);
void swap(World& world, Context& context);
void spawn_at_target(World& world, const Mutation& mutation, Context& context);
void raycast_spawn(World& world, const Mutation& mutation, Context& context);
void push_object(World& world, Context& context);
void set_relative_target(World& world, const Mutation& mutation, Context& context);

}  // namespace metta
