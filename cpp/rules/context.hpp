// What a rule is evaluated about: who acts, on whom, where.
#pragma once

#include <cstdint>
#include <optional>

#include "world/deferred_deltas.hpp"
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

// The cell `distance` cells away in that direction, nothing when it is off the grid.
inline std::optional<Location> offset_location(const World& world, Location from, Direction direction,
                                               std::int64_t distance) {
  const std::int64_t row = from.row + direction.row * distance;
  const std::int64_t col = from.col + direction.col * distance;
  // A negative number is a large one without its sign.
  if (static_cast<std::uint64_t>(row) >= world.height || static_cast<std::uint64_t>(col) >= world.width) {
    return std::nullopt;
  }
  return Location{static_cast<std::uint16_t>(row), static_cast<std::uint16_t>(col)};
}

}  // namespace metta
