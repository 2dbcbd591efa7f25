// Game values: numbers read from the world, all arithmetic in float32.
#pragma once

#include "rules/context.hpp"

namespace metta {

// Resolves a value for `entity` (which becomes the actor; the rest of the context is inherited).
float resolve_value(World& world, ValueId value, const Context& context, ObjectIndex entity);
// Adds to an inventory or statistic value of `entity`.
void update_value(World& world, ValueId value, float delta, ObjectIndex entity);

}  // namespace metta
