// Which cells of an observer's window are candidates: on the map, in the mask, not hidden by a blocker of vision.
#pragma once

#include "observe/window_rows.hpp"
#include "world/world.hpp"

namespace metta {

// Rows of the window that an observer at `at` sees, line of sight and a clamped radius included. `clamp` is an index
// into ObservationTables::masks.
WindowRows visible_rows(const Game& game, const World& world, Location at, std::size_t clamp);

}  // namespace metta
