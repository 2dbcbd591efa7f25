// The observation window: cells and their order, line of sight, windows cut out of the map's bitmaps.
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <set>
#include <utility>
#include <vector>

#include "check.hpp"
#include "game/window.hpp"
#include "observe/emission_order.hpp"
#include "observe/visibility.hpp"
#include "observe/window_cut.hpp"

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

void test_map_bits() {
  Draws draw(2);
  for (int round = 0; round < 100; ++round) {
    const int height = draw(1, 30);
    const int width = draw(1, 200);
    MapBitLayout layout;
    layout.begin(static_cast<std::size_t>(height), static_cast<std::size_t>(width));
    MapBits bits(layout.num_words(), 0);
    std::set<std::pair<int, int>> set;
    const auto check_cut = [&](int first_row, int first_col) {
      const WindowRows rows = cut_out(layout, bits, layout.corner(first_row, first_col));
      for (int row = 0; row < kMaxWindow; ++row) {
        for (int col = 0; col < kMaxWindow; ++col) {
          CHECK(((rows[row] >> col) & 1) == (set.count({first_row + row, first_col + col}) != 0),
                "width " + std::to_string(width) + ", from " + std::to_string(first_row) + "," +
                    std::to_string(first_col));
        }
      }
    };
    for (int i = draw(0, 200); i > 0; --i) {
      const Location at{static_cast<std::uint16_t>(draw(0, height - 1)), static_cast<std::uint16_t>(draw(0, width - 1))};
      const BitPlace place = layout.place(at);
      bits[place.word] |= place.bit;
      set.insert({at.row, at.col});
    }
    std::set<std::pair<int, int>> in_blocks;
    layout.for_each_block([&](std::size_t word, int first_row, int first_col) {
      const WindowRows rows = rows_from(&bits[word]);
      for (int row = 0; row < kWindowRows; ++row) {
        for (std::uint32_t left = rows[row]; left != 0; left &= left - 1) {
          CHECK(in_blocks.insert({first_row + row, first_col + std::countr_zero(left)}).second, "a bit in two blocks");
        }
      }
    });
    CHECK(in_blocks == set, "height " + std::to_string(height) + ", width " + std::to_string(width));
    for (int first_col = -7; first_col < width; ++first_col) check_cut(draw(-7, height - 1), first_col);
    const int first_row = draw(-7, height - 1);
    const int first_col = draw(-7, width - 1);
    WindowRows more{};
    for (int i = draw(0, 60); i > 0; --i) {
      const int row = draw(0, kMaxWindow - 1);
      const int col = draw(0, kMaxWindow - 1);
      more[row] |= static_cast<std::uint16_t>(1U << col);
      set.insert({first_row + row, first_col + col});
    }
    add(layout, bits, layout.corner(first_row, first_col), more);
    check_cut(first_row, first_col);
  }
}

void test_emission_order() {
  Draws draw(4);
  for (int round = 0; round < 200; ++round) {
    ObservationConfig seen;
    seen.row_radius = static_cast<std::uint8_t>(draw(0, 7));
    seen.col_radius = static_cast<std::uint8_t>(draw(0, 7));
    seen.window = window_cells(seen.row_radius, seen.col_radius);
    fill_observation_tables(seen);
    WindowRows rows{};
    for (int row = 0; row < kWindowRows; ++row) rows[row] = static_cast<std::uint16_t>(draw(0, 65535));
    const RankBits ranks = in_emission_order(seen.tables, rows);
    for (std::size_t rank = 0; rank < 64 * ranks.size(); ++rank) {
      const bool got = (ranks[rank / 64] >> (rank % 64)) & 1U;
      bool expected = false;
      if (rank < seen.window.size()) {
        const WindowCell& cell = seen.window[rank];
        expected = (rows[cell.row + seen.row_radius] >> (cell.col + seen.col_radius)) & 1;
      }
      CHECK(got == expected, "round " + std::to_string(round) + ", rank " + std::to_string(rank));
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
    world.bit_layout.begin(world.height, world.width);
    world.vision_blockers.assign(world.bit_layout.num_words(), 0);
    std::vector<std::pair<int, int>> blockers;
    for (int i = draw(0, 40); i > 0; --i) {
      blockers.emplace_back(draw(0, world.height - 1), draw(0, world.width - 1));
      const auto& [row, col] = blockers.back();
      const BitPlace place =
          world.bit_layout.place({static_cast<std::uint16_t>(row), static_cast<std::uint16_t>(col)});
      world.vision_blockers[place.word] |= place.bit;
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
        const bool got = (rows[row + seen.row_radius] >> (col + seen.col_radius)) & 1U;
        CHECK(got == expected, "round " + std::to_string(round));
      }
    }
  }
}

}  // namespace metta::tests
