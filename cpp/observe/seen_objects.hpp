// When observations last showed each object. The statistic `cell.visited` credits an agent with the age of every object
// that it is the first to see in a step: the steps since any agent last saw it.
#pragma once

#include <cstdint>

#include "game/types.hpp"
#include "observe/window_rows.hpp"

namespace metta {

struct World;

struct SeenRows {
  WindowRows objects{};     // cells of the window in which an object is seen
  WindowRows first_seen{};  // those of them that nobody else has seen in this step
  std::uint32_t ages = 0;   // sum over first_seen: steps since any agent saw the object
};

// What an observer at `at` sees in the `visible` cells of its window.
SeenRows see_objects(World& world, Location at, const WindowRows& visible);

// Steps since any agent saw what stands there, this step left out.
std::uint32_t age_of_object(const World& world, Location at);

// After the observations of a step.
void end_seeing(World& world);

}  // namespace metta
