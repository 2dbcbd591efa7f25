#include "observe/seen_objects.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "observe/collected_cells.hpp"
#include "observe/emission_order.hpp"
#include "observe/window_cut.hpp"

namespace metta {

namespace {

// Adds of whole numbers are exact below this, so that they may be summed before they are added to a float.
constexpr float kExactFloats = 16777216.0F;

std::uint32_t count(const WindowRows& cells) {
  int cells_set = 0;
  for (const std::uint64_t rows : std::bit_cast<FourRows>(cells)) cells_set += std::popcount(rows);
  return static_cast<std::uint32_t>(cells_set);
}

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
  CollectedCells unseen;
  const auto note = [&] {
    unseen.take_each(width, [&](std::size_t cell, std::uint32_t) { seen.steps_from_base[cell] = steps; });
  };
  world.bit_layout.for_each_block([&](std::size_t word, int first_row, int first_col) {
    unseen.add(rows_from(&seen.before[word]) & ~rows_from(&seen.now[word]), first_row * width + first_col, 0);
    if (unseen.full()) note();
  });
  note();
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
  CollectedCells unseen;
  for (std::uint32_t i = 0; i < views.size(); ++i) {
    const View& view = views[i];
    const WindowRows cells = view.objects & ~cut_out(layout, seen.now, view.corner);
    add(layout, seen.now, view.corner, cells);
    const WindowRows before = cells & cut_out(layout, seen.before, view.corner);
    found[i] = {cells, count(before) * (world.step - seen.step)};
    unseen.add(cells & ~before, view.first_cell, i);
  }
  unseen.take_each(width, [&](std::size_t cell, std::uint32_t i) {
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
