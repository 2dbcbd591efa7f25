// Which cells of an observer's window are candidates: on the map, in the mask, not hidden by a blocker of vision.
#pragma once

#include "world/world.hpp"

namespace metta {

// Columns first_col.. of one row of a bitmap over the map, as the low bits; first_col may lie left of the map.
inline std::uint32_t columns_from(const std::uint64_t* row, std::uint32_t row_words, int first_col) {
  if (first_col < 0) return static_cast<std::uint32_t>(row[0] << -first_col);
  const auto word = static_cast<std::uint32_t>(first_col) / 64;
  const auto shift = static_cast<std::uint32_t>(first_col) % 64;
  if (word >= row_words) return 0;
  std::uint64_t bits = row[word] >> shift;
  if (shift > 64 - kMaxWindow && word + 1 < row_words) bits |= row[word + 1] << (64 - shift);
  return static_cast<std::uint32_t>(bits);
}

// Rows of the window that an observer at `at` sees, line of sight and a clamped radius included. `clamp` is an index
// into ObservationTables::masks.
WindowRows visible_rows(const Game& game, const World& world, Location at, std::size_t clamp);

}  // namespace metta
