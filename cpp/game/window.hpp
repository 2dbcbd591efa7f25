// The observation window: which cells are seen, in which order their tokens come.
#pragma once

#include <vector>

#include "game/game.hpp"

namespace metta {

// Whether an offset lies in the window's round mask for these radii.
bool in_window(int row, int col, int row_radius, int col_radius);

// All offsets in the mask by growing Manhattan distance, rows from north to south, west before east.
std::vector<WindowCell> window_cells(int row_radius, int col_radius);

}  // namespace metta
