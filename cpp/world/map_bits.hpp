// Bitmaps over the map, one bit a cell, laid out so that the part below an observer's window is cut out in a few
// instructions (observe/window_cut.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "game/observation_tables.hpp"
#include "game/types.hpp"

namespace metta {

using MapBits = std::vector<std::uint16_t>;

// Where a cell's bit is: a word's index and the bit in it.
struct BitPlace {
  std::size_t word;
  std::uint16_t bit;
};

// How all bitmaps of one world are laid out: words of 16 columns, those of the same columns one below the other, so that
// the rows of a window are parts of two vectors. A margin all around the map lets no window hang over.
class MapBitLayout {
 public:
  void begin(std::size_t height, std::size_t width) {
    rows_ = (kMargin + height + kWindowRows + kWordsAtOnce - 1) / kWordsAtOnce * kWordsAtOnce;
    num_words_ = rows_ * ((kMargin + width + kWindowRows) / kWordBits + 1);
  }
  std::size_t num_words() const { return num_words_; }

  BitPlace place(Location at) const {
    const std::size_t col = at.col + kMargin;
    return {col / kWordBits * rows_ + at.row + kMargin, static_cast<std::uint16_t>(1U << (col % kWordBits))};
  }
  // The inverse, for a bit that lies on the map: its word is the row-th of the group-th columns, `bit` its number there.
  Location location(std::size_t group, std::size_t row, std::size_t bit) const {
    const std::size_t col = group * kWordBits + bit;
    return {static_cast<std::uint16_t>(row - kMargin), static_cast<std::uint16_t>(col - kMargin)};
  }

  // The upper left corner of a window, which may lie off the map: the word of its first row, those of further rows
  // following, and the number of its first column's bit in all of them. A window goes on in the next columns.
  std::pair<std::size_t, std::uint16_t> corner(int first_row, int first_col) const {
    const auto col = static_cast<std::size_t>(first_col + kMargin);
    return {col / kWordBits * rows_ + static_cast<std::size_t>(first_row + kMargin),
            static_cast<std::uint16_t>(col % kWordBits)};
  }
  // From a word to that of the next columns in the same row: a multiple of kWordsAtOnce.
  std::size_t next_columns() const { return rows_; }

  static constexpr int kWordBits = 16;
  // Whoever goes over a whole bitmap takes 64 bits at once: as many rows of the same columns.
  static constexpr std::size_t kWordsAtOnce = 4;

 private:
  static constexpr int kMargin = 8;  // a window reaches kMaxWindow / 2 cells beyond its observer

  std::size_t rows_ = 0;  // words for one group of columns
  std::size_t num_words_ = 0;
};

}  // namespace metta
