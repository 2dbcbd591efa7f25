// When observations last showed each object. The statistic `cell.visited` credits an agent with the age of every object
// that it is the first to see in a step: the steps since any agent last saw it.
#pragma once

#include <cstdint>
#include <span>

#include "observe/view.hpp"

namespace metta {

// Agents from row `first` on see the objects of their views, one after the other, and are credited with their ages. At
// most kMostViews of them.
void see_objects(const Game& game, World& world, std::uint32_t first, std::span<const View> views);

// After the observations of a step.
void end_seeing(World& world);

}  // namespace metta
