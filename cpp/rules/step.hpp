// One step of one world, phase by phase, in the published engine's order.
#pragma once

#include "world/world.hpp"

namespace metta {

void step_world(World& world);

}  // namespace metta
