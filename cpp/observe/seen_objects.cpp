#include "observe/seen_objects.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "world/world.hpp"

namespace metta {

namespace {

// The part of an observer's window that lies in one word of each row of a bitmap over the map.
struct WindowWords {
  int begin;             // rows of the window that lie on the map
  int end;
  std::size_t first;     // index of the word in row `begin`
  std::size_t row_words;
  // The word's bit c is column c + left - right of the window: one of the two is 0.
  int left;
  int right;

  std::uint64_t from_window(std::uint16_t row) const { return std::uint64_t{row} << left >> right; }
  std::uint16_t to_window(std::uint64_t word) const { return static_cast<std::uint16_t>(word << right >> left); }
};

// Two passes: rows with objects that were not seen one step before are rare, and to look closer at once would cost a
// mispredicted branch in each.
std::uint32_t see_in_words(World& world, const WindowWords& words, const WindowRows& visible, std::size_t first_cell,
                           SeenRows& seen_rows) {
  SeenObjects& seen = world.seen;
  std::array<std::uint64_t, kMaxWindow> unseen;
  std::array<std::uint8_t, kMaxWindow> rows_with_unseen;
  std::size_t rows = 0;
  int before = 0;
  std::size_t word = words.first;
  for (int row = words.begin; row < words.end; ++row, word += words.row_words) {
    const std::uint64_t objects = world.occupied[word] & words.from_window(visible[row]);
    const std::uint64_t first = objects & ~seen.now[word];
    seen.now[word] |= objects;
    seen_rows.objects[row] |= words.to_window(objects);
    seen_rows.first_seen[row] |= words.to_window(first);
    before += std::popcount(first & seen.before[word]);
    unseen[row] = first & ~seen.before[word];
    rows_with_unseen[rows] = static_cast<std::uint8_t>(row);
    rows += unseen[row] != 0;
  }
  std::uint32_t ages = static_cast<std::uint32_t>(before) * (world.step - seen.step);
  for (std::size_t i = 0; i < rows; ++i) {
    const int row = rows_with_unseen[i];
    const ObjectIndex* cells = &world.grid[first_cell + static_cast<std::size_t>(row - words.begin) * world.width];
    for (std::uint64_t left = unseen[row]; left != 0; left &= left - 1) {
      ages += world.step - seen.last_seen[cells[std::countr_zero(left)]];
    }
  }
  return ages;
}

}  // namespace

SeenRows see_objects(World& world, Location at, const WindowRows& visible) {
  const ObservationConfig& observation = world.game->observation;
  const int first_row = at.row - observation.row_radius;
  const int first_col = at.col - observation.col_radius;
  const int begin = std::max(0, -first_row);
  const int end = std::min<int>(observation.height, world.height - first_row);
  const auto map_row = static_cast<std::size_t>(first_row + begin);
  SeenRows seen_rows;
  for (int word = std::max(first_col, 0) / 64; word < static_cast<int>(world.row_words); ++word) {
    const int shift = first_col - word * 64;
    if (shift <= -observation.width) break;
    const auto column = static_cast<std::size_t>(word);
    const WindowWords words{begin, end, map_row * world.row_words + column, world.row_words, std::max(shift, 0),
                            std::max(-shift, 0)};
    seen_rows.ages += see_in_words(world, words, visible, map_row * world.width + column * 64, seen_rows);
  }
  return seen_rows;
}

std::uint32_t age_of_object(const World& world, Location at) {
  const SeenObjects& seen = world.seen;
  const bool before = (seen.before[world.word_of(at)] & World::bit_of(at)) != 0;
  return world.step - (before ? seen.step : seen.last_seen[world.object_at(at)]);
}

void end_seeing(World& world) {
  SeenObjects& seen = world.seen;
  for (std::size_t word = 0; word < seen.now.size(); ++word) {
    for (std::uint64_t left = seen.before[word] & ~seen.now[word]; left != 0; left &= left - 1) {
      const std::size_t col = word % world.row_words * 64 + static_cast<std::size_t>(std::countr_zero(left));
      seen.last_seen[world.grid[word / world.row_words * world.width + col]] = seen.step;
    }
    seen.before[word] = seen.now[word];
    seen.now[word] = 0;
  }
  seen.step = world.step;
}

}  // namespace metta
