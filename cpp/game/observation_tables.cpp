#include "game/observation_tables.hpp"

#include <algorithm>

#include "game/game.hpp"
#include "game/window.hpp"

namespace metta {

namespace {

// A fraction with a positive denominator; the numbers here are below 64, so products fit easily.
struct Fraction {
  int numerator = 0;
  int denominator = 1;
  friend bool operator<(const Fraction& a, const Fraction& b) {
    return a.numerator * b.denominator < b.numerator * a.denominator;
  }
};

// Narrows [first, last] to the part of the segment 0..target that lies within half a cell of `blocker` on one axis.
bool narrow(int blocker, int target, Fraction& first, Fraction& last) {
  if (target == 0) return blocker == 0;
  if (target < 0) {
    blocker = -blocker;
    target = -target;
  }
  first = std::max(first, Fraction{2 * blocker - 1, 2 * target});
  last = std::min(last, Fraction{2 * blocker + 1, 2 * target});
  return !(last < first);
}

MaskRows mask_rows(int row_radius, int col_radius, int clamped_rows, int clamped_cols) {
  MaskRows mask{};
  for (int row = -row_radius; row <= row_radius; ++row) {
    for (int col = -col_radius; col <= col_radius; ++col) {
      if (!in_window(row, col, row_radius, col_radius) || !in_window(row, col, clamped_rows, clamped_cols)) continue;
      mask[row + row_radius] = static_cast<std::uint16_t>(mask[row + row_radius] | 1U << (col + col_radius));
    }
  }
  return mask;
}

WindowBits shadow_of(int blocker_row, int blocker_col, int row_radius, int col_radius) {
  WindowBits hidden{};
  const int width = 2 * col_radius + 1;
  for (int row = -row_radius; row <= row_radius; ++row) {
    for (int col = -col_radius; col <= col_radius; ++col) {
      if (!blocks_line_of_sight(blocker_row, blocker_col, row, col)) continue;
      const int bit = (row + row_radius) * width + col + col_radius;
      hidden[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
  }
  return hidden;
}

void fill_rank_groups(ObservationConfig& observation) {
  ObservationTables& tables = observation.tables;
  tables.rank_groups = {};
  tables.num_rank_groups = (observation.window.size() + 31) / 32;
  for (std::size_t rank = 0; rank < observation.window.size(); ++rank) {
    const int row = observation.window[rank].row + observation.row_radius;
    const int col = observation.window[rank].col + observation.col_radius;
    RankGroup& group = tables.rank_groups.at(rank / 32);
    group.byte[rank % 32] = static_cast<std::uint8_t>(2 * row + col / 8);
    group.bit[rank % 32] = static_cast<std::uint8_t>(1U << (col % 8));
  }
}

}  // namespace

bool blocks_line_of_sight(int blocker_row, int blocker_col, int row, int col) {
  if (blocker_row == 0 && blocker_col == 0) return false;
  if (blocker_row == row && blocker_col == col) return false;
  Fraction first{0, 1};
  Fraction last{1, 1};
  return narrow(blocker_row, row, first, last) && narrow(blocker_col, col, first, last) && !(last < first);
}

void fill_observation_tables(ObservationConfig& observation) {
  ObservationTables& tables = observation.tables;
  const int row_radius = observation.row_radius;
  const int col_radius = observation.col_radius;
  tables.masks.clear();
  for (int clamp = 0; clamp <= std::max(row_radius, col_radius); ++clamp) {
    tables.masks.push_back(
        mask_rows(row_radius, col_radius, std::min(row_radius, clamp), std::min(col_radius, clamp)));
  }
  fill_rank_groups(observation);
  tables.locations.clear();
  for (const WindowCell& cell : observation.window) tables.locations.push_back(token_locations(cell.packed));
  tables.shadows.clear();
  if (!observation.any_blocks_vision) return;
  for (int row = -row_radius; row <= row_radius; ++row) {
    for (int col = -col_radius; col <= col_radius; ++col) {
      tables.shadows.push_back(shadow_of(row, col, row_radius, col_radius));
    }
  }
}

}  // namespace metta
