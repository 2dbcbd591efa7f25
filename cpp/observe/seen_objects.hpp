// When observations last showed each object. The statistic `cell.visited` credits an agent with the age of every object
// that it is the first to see in a step: the steps since any agent last saw it.
#pragma once

#include <cstdint>

#include "game/types.hpp"
#include "observe/window_rows.hpp"

namespace metta {

struct World;

struct FirstSeen {
  WindowRows cells{};      // of an observer's window: what nobody else has seen in this step
  std::uint32_t ages = 0;  // summed over them: steps since any agent saw the object
};

// An observer at `at` sees `objects` in the cells of its window.
FirstSeen see_objects(World& world, Location at, const WindowRows& objects);

// Steps since any agent saw what stands there, this step left out.
std::uint32_t age_of_object(const World& world, Location at);

// After the observations of a step.
void end_seeing(World& world);

}  // namespace metta
