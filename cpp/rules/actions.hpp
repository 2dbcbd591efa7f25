// Actions: the two streams of every step, noop, change_vibe, and move with its chain of handlers.
#pragma once

#include "world/world.hpp"

namespace metta {

// Executes both action buffers, agents in the order of world.agent_order.
void perform_actions(World& world);

}  // namespace metta
