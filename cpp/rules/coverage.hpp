// Coverage: how many cells an agent has stood on, how far from its spawn it has been. `cell.visited`,
// which counts what it sees, is in observe/seen_objects.
#pragma once

#include "world/world.hpp"

namespace metta {

void create_coverage(World& world, std::uint32_t row);  // only the statistics: an agent has them from the start
void restart_coverage(World& world);
void track_coverage(World& world);

}  // namespace metta
