// What a rule is evaluated about: who acts, on whom, where.
#pragma once

#include <cstdint>

#include "rules/deferred_deltas.hpp"
#include "world/world.hpp"

namespace metta {

struct Context {
  ObjectIndex actor = kNoObject;
  ObjectIndex target = kNoObject;
  ObjectIndex frontier = kNoObject;  // the closure's node whose edges are being looked at
  Location target_location;
  std::uint8_t move_direction = 0;
  bool mutation_failed = false;
  DeferredDeltas* deferred = nullptr;  // set while an agent's fixed AOEs are applied

  ObjectIndex entity(Entity which) const { return which == Entity::actor ? actor : target; }
  Context with_target(ObjectIndex object) const {
    Context copy = *this;
    copy.target = object;
    return copy;
  }
};

}  // namespace metta
