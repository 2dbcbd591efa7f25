#include "game/window.hpp"

#include <cstdint>
#include <cstdlib>

namespace metta {

bool in_window(int row, int col, int row_radius, int col_radius) {
  if (row_radius == 0 && col_radius == 0) return row == 0 && col == 0;
  if (row_radius == 0) return row == 0 && std::abs(col) <= col_radius;
  if (col_radius == 0) return col == 0 && std::abs(row) <= row_radius;
  const std::int64_t rows = std::int64_t{row} * row;
  const std::int64_t cols = std::int64_t{col} * col;
  const std::int64_t row_limit = std::int64_t{row_radius} * row_radius;
  const std::int64_t col_limit = std::int64_t{col_radius} * col_radius;
  if (row_radius != col_radius) return rows * col_limit + cols * row_limit <= row_limit * col_limit;
  if (rows + cols <= row_limit) return true;
  // A circle's four tips are widened from one cell to three.
  const bool at_tip = std::abs(row) == row_radius || std::abs(col) == row_radius;
  return row_radius >= 2 && rows + cols == row_limit + 1 && at_tip;
}

std::vector<WindowCell> window_cells(int row_radius, int col_radius) {
  std::vector<WindowCell> cells;
  const auto add = [&](int row, int col) {
    if (std::abs(row) > row_radius || std::abs(col) > col_radius) return;
    if (!in_window(row, col, row_radius, col_radius)) return;
    const auto packed = static_cast<std::uint8_t>((row + row_radius) << 4 | (col + col_radius));
    cells.push_back({static_cast<std::int8_t>(row), static_cast<std::int8_t>(col), packed});
  };
  for (int distance = 0; distance <= row_radius + col_radius; ++distance) {
    for (int row = -distance; row <= distance; ++row) {
      const int col = distance - std::abs(row);
      add(row, -col);
      if (col != 0) add(row, col);
    }
  }
  return cells;
}

}  // namespace metta
