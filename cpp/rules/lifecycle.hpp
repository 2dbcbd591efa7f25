// Taking an object off the grid and adding one during the episode.
#pragma once

#include "world/world.hpp"

namespace metta {

// Its AOEs end, its cell and its entries in the tag lists are cleared. Its tags, inventory and territory stay, no
// handler fires, and who still refers to it goes on working with it.
void remove_object(World& world, ObjectIndex object);

// Makes an object on an empty cell. Its AOEs begin at the next flush; it never controls territory.
ObjectIndex spawn_object(World& world, ObjectConfigId config, Location at);

// Gives a new object what its config says it holds, ignoring limits. Agents also report it in their statistics, to
// which then come those that their config sets.
void fill_initial_inventory(World& world, ObjectIndex object);
// The row in World::agents of a new agent object, with its rewards and statistics.
std::uint32_t add_agent_row(World& world, ObjectIndex object);

}  // namespace metta
