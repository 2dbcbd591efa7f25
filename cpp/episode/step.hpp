// One step of one world, phase by phase, in the published engine's order.
#pragma once

#include "world/world.hpp"

namespace metta {

// `next_world`: the one that steps next on this thread, nullptr for none; only its memory is asked for.
void step_world(World& world, const World* next_world = nullptr);

}  // namespace metta
