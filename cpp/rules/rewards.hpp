// Rewards: per agent, the change of its reward values since the last step, or the values themselves each tick.
#pragma once

#include "world/world.hpp"

namespace metta {

void prepare_rewards(World& world);
void pay_rewards(World& world);

}  // namespace metta
