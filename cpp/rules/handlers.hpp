// Handlers: filters and mutations, or a composite of handlers (first match, all of).
#pragma once

#include "rules/context.hpp"

namespace metta {

// True when the filters passed and no mutation failed; for composites, when a child returned true.
bool try_handler(World& world, HandlerId handler, Context& context);

}  // namespace metta
