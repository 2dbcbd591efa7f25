// Events: rules that fire at listed steps on the objects of a query.
#pragma once

#include "world/world.hpp"

namespace metta {

void fire_due_events(World& world);

}  // namespace metta
