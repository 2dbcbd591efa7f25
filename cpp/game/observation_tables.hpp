// Tables of the observation window that depend on the game only: masks, emission order, shadows of line of sight.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace metta {

struct ObservationConfig;

inline constexpr int kMaxWindow = 15;  // rows or columns: an offset is packed into four bits

using WindowRows = std::array<std::uint16_t, kMaxWindow>;  // one bit a column, for every row of the window
using WindowBits = std::array<std::uint64_t, 4>;           // one bit a cell of the window's box, row * width + column

struct ObservationTables {
  // The window mask when the radius is clamped to the index; the last one is the whole window.
  std::vector<WindowRows> masks;
  // [row * 16 + column]: position of that cell in ObservationConfig::window, which is the order of emission.
  std::array<std::uint8_t, kMaxWindow * 16> rank{};
  // [row * width + column]: the cells that something there hides from the centre.
  std::vector<WindowBits> shadows;
};

// Fills observation.tables from its radii and window.
void fill_observation_tables(ObservationConfig& observation);

// Whether the segment from (0, 0) to the cell (row, col) touches the closed unit square around the blocker.
bool blocks_line_of_sight(int blocker_row, int blocker_col, int row, int col);

}  // namespace metta
