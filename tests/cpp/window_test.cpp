// The observation window: cells and their order, line of sight, rows cut out of the map's bitmaps.
#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "check.hpp"
#include "game/window.hpp"
#include "observe/visibility.hpp"

namespace metta::tests {

void test_offsets() {
  for (int row_radius = 0; row_radius <= 7; ++row_radius) {
    for (int col_radius = 0; col_radius <= 7; ++col_radius) {
      const std::vector<WindowCell> cells = window_cells(row_radius, col_radius);
      std::set<std::pair<int, int>> seen;
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const WindowCell& cell = cells[i];
        CHECK(seen.insert({cell.row, cell.col}).second);
        CHECK(in_window(cell.row, cell.col, row_radius, col_radius));
        CHECK(cell.packed >> 4 == cell.row + row_radius && (cell.packed & 15) == cell.col + col_radius);
        CHECK(cell.packed < 0xFE, "0xFE and 0xFF are no places in a window");
        if (i == 0) continue;
        const auto key = [](const WindowCell& c) { return std::tuple(std::abs(c.row) + std::abs(c.col), +c.row, +c.col); };
        CHECK(key(cells[i - 1]) < key(cell));
      }
      std::size_t inside = 0;
      for (int row = -8; row <= 8; ++row) {
        for (int col = -8; col <= 8; ++col) {
          if (std::abs(row) > row_radius || std::abs(col) > col_radius) continue;
          inside += in_window(row, col, row_radius, col_radius);
          CHECK(in_window(row, col, row_radius, col_radius) == in_window(-row, col, row_radius, col_radius));
          CHECK(in_window(row, col, row_radius, col_radius) == in_window(row, -col, row_radius, col_radius));
        }
      }
      CHECK(inside == cells.size());
    }
  }
}

namespace {

// By separating axes instead of clipping, everything doubled to stay in whole numbers: a segment and a square are apart
// when they are apart along the rows, along the columns, or across the segment.
bool apart_or_end(int blocker_row, int blocker_col, int row, int col) {
  if ((blocker_row == 0 && blocker_col == 0) || (blocker_row == row && blocker_col == col)) return true;
  const auto apart = [](int blocker, int end) {
    return 2 * blocker + 1 < std::min(0, 2 * end) || 2 * blocker - 1 > std::max(0, 2 * end);
  };
  if (apart(blocker_row, row) || apart(blocker_col, col)) return true;
  const int across = std::abs(row * 2 * blocker_col - col * 2 * blocker_row);
  return across > std::abs(row) + std::abs(col);
}

}  // namespace

void test_line_of_sight() {
  for (int blocker_row = -7; blocker_row <= 7; ++blocker_row) {
    for (int blocker_col = -7; blocker_col <= 7; ++blocker_col) {
      for (int row = -7; row <= 7; ++row) {
        for (int col = -7; col <= 7; ++col) {
          const bool hidden = blocks_line_of_sight(blocker_row, blocker_col, row, col);
          CHECK(hidden != apart_or_end(blocker_row, blocker_col, row, col),
                std::to_string(blocker_row) + "," + std::to_string(blocker_col) + " before " + std::to_string(row) + "," +
                    std::to_string(col));
        }
      }
    }
  }
}

void test_columns() {
  Draws draw(2);
  for (int round = 0; round < 200; ++round) {
    const int width = draw(1, 200);
    const auto words = static_cast<std::uint32_t>((width + 63) / 64);
    std::vector<std::uint64_t> row(words, 0);
    std::vector<bool> bits(static_cast<std::size_t>(width));
    for (int col = 0; col < width; ++col) {
      bits[static_cast<std::size_t>(col)] = draw(0, 1) == 1;
      if (bits[static_cast<std::size_t>(col)]) row[static_cast<std::size_t>(col) / 64] |= std::uint64_t{1} << (col % 64);
    }
    for (int first = -7; first < width; ++first) {
      const std::uint32_t got = columns_from(row.data(), words, first);
      for (int i = 0; i < kMaxWindow; ++i) {
        const int col = first + i;
        const bool expected = col >= 0 && col < width && bits[static_cast<std::size_t>(col)];
        CHECK(((got >> i) & 1U) == expected, "width " + std::to_string(width) + ", from " + std::to_string(first));
      }
    }
  }
}

void test_visible_rows() {
  Draws draw(3);
  for (int round = 0; round < 60; ++round) {
    Game game;
    ObservationConfig& seen = game.observation;
    seen.row_radius = static_cast<std::uint8_t>(draw(0, 7));
    seen.col_radius = static_cast<std::uint8_t>(draw(0, 7));
    seen.height = static_cast<std::uint8_t>(2 * seen.row_radius + 1);
    seen.width = static_cast<std::uint8_t>(2 * seen.col_radius + 1);
    seen.window = window_cells(seen.row_radius, seen.col_radius);
    seen.any_blocks_vision = true;
    fill_observation_tables(seen);
    World world;
    world.height = static_cast<std::uint16_t>(draw(1, 20));
    world.width = static_cast<std::uint16_t>(draw(1, 140));
    world.row_words = (world.width + 63U) / 64U;
    world.vision_blockers.assign(std::size_t{world.height} * world.row_words, 0);
    std::vector<std::pair<int, int>> blockers;
    for (int i = draw(0, 40); i > 0; --i) {
      blockers.emplace_back(draw(0, world.height - 1), draw(0, world.width - 1));
      const auto& [row, col] = blockers.back();
      world.vision_blockers[static_cast<std::size_t>(row) * world.row_words + static_cast<std::size_t>(col) / 64] |=
          std::uint64_t{1} << (col % 64);
    }
    // Corners and edges most of all: there the window hangs over.
    const Location at{static_cast<std::uint16_t>(draw(0, 1) ? draw(0, world.height - 1) : draw(0, 1) * (world.height - 1)),
                      static_cast<std::uint16_t>(draw(0, 1) ? draw(0, world.width - 1) : draw(0, 1) * (world.width - 1))};
    const WindowRows rows = visible_rows(game, world, at, seen.tables.masks.size() - 1);
    for (int row = -seen.row_radius; row <= seen.row_radius; ++row) {
      for (int col = -seen.col_radius; col <= seen.col_radius; ++col) {
        bool expected = in_window(row, col, seen.row_radius, seen.col_radius);
        for (const auto& [blocker_row, blocker_col] : blockers) {
          const int from_row = blocker_row - at.row;
          const int from_col = blocker_col - at.col;
          if (std::abs(from_row) > seen.row_radius || std::abs(from_col) > seen.col_radius) continue;
          expected = expected && !blocks_line_of_sight(from_row, from_col, row, col);
        }
        const bool got = (rows[static_cast<std::size_t>(row + seen.row_radius)] >> (col + seen.col_radius)) & 1U;
        CHECK(got == expected, "round " + std::to_string(round));
      }
    }
  }
}

}  // namespace metta::tests
