#include "observe/seen_objects.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "observe/window_cut.hpp"
#include "world/world.hpp"

namespace metta {

namespace {

// Four rows of a window in a word.
using FourRows = std::array<std::uint64_t, kWindowRows / 4>;

std::uint32_t count(const WindowRows& cells) {
  int cells_set = 0;
  for (const std::uint64_t rows : std::bit_cast<FourRows>(cells)) cells_set += std::popcount(rows);
  return static_cast<std::uint32_t>(cells_set);
}

// Sum over the cells of a window whose upper left corner is (first_row, first_col).
std::uint32_t ages_of_unseen(const World& world, int first_row, int first_col, const WindowRows& cells) {
  const int width = world.width;
  int corner = first_row * width + first_col;  // of the grid, which it may lie before
  std::uint32_t ages = 0;
  for (const std::uint64_t rows : std::bit_cast<FourRows>(cells)) {
    for (std::uint64_t left = rows; left != 0; left &= left - 1) {
      const int bit = std::countr_zero(left);
      const auto cell = static_cast<std::size_t>(corner + bit / kWindowRows * width + bit % kWindowRows);
      ages += world.step - world.seen.last_seen(cell, world.grid);
    }
    corner += 4 * width;
  }
  return ages;
}

std::uint64_t four_words(const MapBits& bits, std::size_t first) {
  std::uint64_t words;
  static_assert(sizeof words == MapBitLayout::kWordsAtOnce * sizeof bits[0]);
  std::memcpy(&words, &bits[first], sizeof words);
  return words;
}

// Brings `base` nearer to the present, so that two bytes go on to be enough.
void advance_base(World& world) {
  constexpr std::uint32_t kAdvance = SeenObjects::kMostSteps / 2;
  SeenObjects& seen = world.seen;
  for (std::size_t cell = 0; cell < world.grid.size(); ++cell) {
    std::uint16_t& steps = seen.steps_from_base[cell];
    if (world.grid[cell] == kNoObject || steps == SeenObjects::kSetAside) continue;
    if (steps <= kAdvance) {
      seen.set_aside[world.grid[cell]] = seen.base + steps;
      steps = SeenObjects::kSetAside;
    } else {
      steps = static_cast<std::uint16_t>(steps - kAdvance);
    }
  }
  seen.base += kAdvance;
}

}  // namespace

FirstSeen see_objects(World& world, Location at, const WindowRows& objects) {
  const ObservationConfig& observation = world.game->observation;
  const int first_row = at.row - observation.row_radius;
  const int first_col = at.col - observation.col_radius;
  const MapBitLayout& layout = world.bit_layout;
  SeenObjects& seen = world.seen;
  FirstSeen first;
  first.cells = objects & ~cut_out(layout, seen.now, first_row, first_col);
  add(layout, seen.now, first_row, first_col, first.cells);
  const WindowRows before = first.cells & cut_out(layout, seen.before, first_row, first_col);
  first.ages =
      count(before) * (world.step - seen.step) + ages_of_unseen(world, first_row, first_col, first.cells & ~before);
  return first;
}

std::uint32_t age_of_object(const World& world, Location at) {
  const SeenObjects& seen = world.seen;
  const BitPlace place = world.bit_layout.place(at);
  const bool before = (seen.before[place.word] & place.bit) != 0;
  return world.step - (before ? seen.step : seen.last_seen(world.cell(at), world.grid));
}

void end_seeing(World& world) {
  SeenObjects& seen = world.seen;
  const auto steps = static_cast<std::uint16_t>(seen.step - seen.base);
  const std::size_t rows = world.bit_layout.next_columns();
  for (std::size_t first = 0; first < seen.now.size(); first += rows) {
    for (std::size_t row = 0; row < rows; row += MapBitLayout::kWordsAtOnce) {
      for (std::uint64_t left = four_words(seen.before, first + row) & ~four_words(seen.now, first + row); left != 0;
           left &= left - 1) {
        const auto bit = static_cast<std::size_t>(std::countr_zero(left));
        const Location gone = world.bit_layout.location(first / rows, row + bit / MapBitLayout::kWordBits,
                                                        bit % MapBitLayout::kWordBits);
        seen.steps_from_base[world.cell(gone)] = steps;
      }
    }
  }
  seen.before.swap(seen.now);
  std::fill(seen.now.begin(), seen.now.end(), std::uint16_t{0});
  seen.step = world.step;
  if (seen.step - seen.base == SeenObjects::kMostSteps) advance_base(world);
}

}  // namespace metta
