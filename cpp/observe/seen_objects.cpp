#include "observe/seen_objects.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "observe/emission_order.hpp"
#include "observe/window_cut.hpp"

namespace metta {

namespace {

// Adds of whole numbers are exact below this, so that they may be summed before they are added to a float.
constexpr float kExactFloats = 16777216.0F;

// A window's rows, four in a word.
constexpr int kRowsInWord = 4;
using FourRows = std::array<std::uint64_t, kWindowRows / kRowsInWord>;

// The cell of the grid that the lowest bit of `rows` stands for, four rows whose first bit stands for `first_cell`.
std::size_t cell_of(std::uint64_t rows, int first_cell, int width) {
  const int bit = std::countr_zero(rows);
  return static_cast<std::size_t>(first_cell + bit / kWindowRows * width + bit % kWindowRows);
}

std::uint32_t count(const WindowRows& cells) {
  int cells_set = 0;
  for (const std::uint64_t rows : std::bit_cast<FourRows>(cells)) cells_set += std::popcount(rows);
  return static_cast<std::uint32_t>(cells_set);
}

bool any(const WindowRows& cells) {
  std::uint64_t bits = 0;
  for (const std::uint64_t rows : std::bit_cast<FourRows>(cells)) bits |= rows;
  return bits != 0;
}

// Cells of the windows of several views, collected to be gone through in one loop: most views add none or one, and a loop
// for each would end in a mispredicted branch.
class CellsOfViews {
 public:
  // `first_cell`: of the window, in the grid, which it may lie before.
  void add(const WindowRows& cells, int first_cell, int width, std::uint32_t view) {
    for (const std::uint64_t rows : std::bit_cast<FourRows>(cells)) {
      some_[size_] = {rows, first_cell, view};
      size_ += rows != 0;
      first_cell += kRowsInWord * width;
    }
  }

  // use(cell of the grid, view).
  template <typename Use>
  void for_each(int width, Use use) {
    some_[size_].cells = 0;
    const Some* some = some_.data();
    for (std::uint64_t left = some->cells; left != 0;) {
      use(cell_of(left, some->first_cell, width), some->view);
      left &= left - 1;
      const std::uint64_t done = left == 0;  // no branch: it would be the one that is mispredicted
      some += done;
      left |= some->cells & (0 - done);
    }
  }

 private:
  struct Some {
    std::uint64_t cells;  // in four rows
    std::int32_t first_cell;
    std::uint32_t view;
  };
  std::array<Some, kWindowRows / kRowsInWord * kMostViews + 1> some_;  // none is read before it is written
  std::size_t size_ = 0;
};

std::uint32_t age_of_object(const World& world, Location at) {
  const SeenObjects& seen = world.seen;
  const BitPlace place = world.bit_layout.place(at);
  const bool before = (seen.before[place.word] & place.bit) != 0;
  return world.step - (before ? seen.step : seen.last_seen(world.cell(at), world.grid));
}

// What an agent is the first to see in this step.
struct FirstSeen {
  WindowRows cells;
  std::uint32_t ages;  // summed
};

void credit_one_by_one(const Game& game, World& world, std::uint32_t row, const WindowRows& cells) {
  const Location at = world.objects[world.agents[row].object].location;
  const RankBits ranks = in_emission_order(game.observation.tables, cells);
  for (std::size_t word = 0; word < ranks.size(); ++word) {
    for (std::uint64_t left = ranks[word]; left != 0; left &= left - 1) {
      const WindowCell& cell = game.observation.window[word * 64 + static_cast<std::size_t>(std::countr_zero(left))];
      const std::uint32_t age = age_of_object(
          world, {static_cast<std::uint16_t>(at.row + cell.row), static_cast<std::uint16_t>(at.col + cell.col)});
      if (age != 0) world.agent_stats.add(row, game.agent_stats.visited, static_cast<float>(age));
    }
  }
}

// The published engine adds ages one by one to a float; where all of it is a whole number below 2^24 their sum has the
// same bits.
void credit(const Game& game, World& world, std::uint32_t row, const FirstSeen& seen) {
  if (seen.ages == 0) return;
  const float before = world.agent_stats.value(row, game.agent_stats.visited);
  if (std::trunc(before) == before && std::fabs(before) + static_cast<float>(seen.ages) < kExactFloats) [[likely]] {
    world.agent_stats.add(row, game.agent_stats.visited, static_cast<float>(seen.ages));
  } else {
    credit_one_by_one(game, world, row, seen.cells);
  }
}

// Writes down when objects were last seen that are not seen any more.
void note_unseen(World& world) {
  SeenObjects& seen = world.seen;
  const auto steps = static_cast<std::uint16_t>(seen.step - seen.base);
  const int width = world.width;
  const std::size_t rows = world.bit_layout.next_columns();
  for (std::size_t first = 0; first < seen.now.size(); first += rows) {
    int first_cell = world.bit_layout.first_cell(first / rows, width);
    for (std::size_t row = first; row < first + rows; row += kWindowRows) {
      const WindowRows cells = rows_from(&seen.before[row]) & ~rows_from(&seen.now[row]);
      if (any(cells)) {
        int first_of_four = first_cell;
        for (const std::uint64_t four : std::bit_cast<FourRows>(cells)) {
          for (std::uint64_t left = four; left != 0; left &= left - 1) {
            seen.steps_from_base[cell_of(left, first_of_four, width)] = steps;
          }
          first_of_four += kRowsInWord * width;
        }
      }
      first_cell += kWindowRows * width;
    }
  }
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

void see_objects(const Game& game, World& world, std::uint32_t first, std::span<const View> views) {
  const MapBitLayout& layout = world.bit_layout;
  SeenObjects& seen = world.seen;
  const int width = world.width;
  std::array<FirstSeen, kMostViews> found;  // none is read before it is written
  CellsOfViews unseen;
  for (std::uint32_t i = 0; i < views.size(); ++i) {
    const auto& [clamp, first_row, first_col, objects, shown] = views[i];
    const WindowRows cells = objects & ~cut_out(layout, seen.now, first_row, first_col);
    add(layout, seen.now, first_row, first_col, cells);
    const WindowRows before = cells & cut_out(layout, seen.before, first_row, first_col);
    found[i] = {cells, count(before) * (world.step - seen.step)};
    unseen.add(cells & ~before, first_row * width + first_col, width, i);
  }
  unseen.for_each(width, [&](std::size_t cell, std::uint32_t i) {
    found[i].ages += world.step - seen.last_seen(cell, world.grid);
  });
  for (std::uint32_t i = 0; i < views.size(); ++i) credit(game, world, first + i, found[i]);
}

void end_seeing(World& world) {
  SeenObjects& seen = world.seen;
  note_unseen(world);
  seen.before.swap(seen.now);
  std::fill(seen.now.begin(), seen.now.end(), std::uint16_t{0});
  seen.step = world.step;
  if (seen.step - seen.base == SeenObjects::kMostSteps) advance_base(world);
}

}  // namespace metta
