// What there is in an agent's window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "observe/emission_order.hpp"
#include "observe/window_rows.hpp"
#include "world/world.hpp"

namespace metta {

// Of as many agents views are taken together.
inline constexpr std::uint32_t kMostViews = 32;

struct View {
  std::size_t clamp;      // index of the window's mask in ObservationTables::masks
  WindowCorner corner;
  std::int32_t first_cell;  // of the window, in the grid, which it may lie before
  WindowRows objects;     // cells in which an object is seen
  RankBits object_ranks;  // the same cells in the order of observations
  RankBits border_ranks;  // cells in which borders of territories are seen; not written where a game has none
};

// Views of the agents from row `first` on, one for each of `views`, whose windows have the mask `clamp`. The borders of
// territories have been refreshed.
void look_around(const Game& game, const World& world, std::uint32_t first, std::size_t clamp, std::span<View> views);

}  // namespace metta
