// Filters: conditions of handlers, events, AOEs and queries.
#pragma once

#include "rules/context.hpp"

namespace metta {

bool filter_passes(World& world, const Filter& filter, const Context& context);
bool all_pass(World& world, Range filters, const Context& context);  // left to right, stops at the first that fails
bool any_passes(World& world, Range filters, const Context& context);

}  // namespace metta
