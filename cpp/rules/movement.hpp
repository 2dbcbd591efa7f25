// Moving objects over the grid, and what goes with them: territory, and that they have been seen.
#pragma once

#include "world/world.hpp"

namespace metta {

// To an empty cell on the grid; false (and nothing done) when it cannot.
bool move_object(World& world, ObjectIndex object, Location to);
void swap_objects(World& world, ObjectIndex a, ObjectIndex b);

}  // namespace metta
