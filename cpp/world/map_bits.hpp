// Bitmaps over the map, one bit a cell, laid out so that the part below an observer's window is cut out in a few
// instructions (observe/window_cut.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "game/observation_tables.hpp"
#include "game/types.hpp"

namespace metta {

using MapBits = std::vector<std::uint16_t>;

// Where a cell's bit is: a word's index and the bit in it.
struct BitPlace {
  std::size_t word;
  std::uint16_t bit;

  std::uint16_t all_others() const { return static_cast<std::uint16_t>(~bit); }
};

// Where a window's upper left corner is: the word of its first row, those of further rows following, and the number of
// its first column's bit in all of them. A window goes on in the next columns.
struct WindowCorner {
  std::size_t word;
  std::uint16_t bit;
};

// How all bitmaps of one world are laid out: words of 16 columns, those of the same columns one below the other, so that
// a window is two vectors, shifted. A margin all around the map lets no window hang over.
class MapBitLayout {
 public:
  void begin(std::size_t height, std::size_t width) {
    height_ = height;
    width_ = width;
    rows_ = (kMargin + height + 2 * kWindowRows - 1) / kWindowRows * kWindowRows;
    num_words_ = rows_ * ((kMargin + width + kWindowRows) / kWordBits + 1);
  }
  std::size_t num_words() const { return num_words_; }

  BitPlace place(Location at) const {
    const std::size_t col = at.col + kMargin;
    return {col / kWordBits * rows_ + at.row + kMargin, static_cast<std::uint16_t>(1U << (col % kWordBits))};
  }
  // use(first word, row and column of the map where its first bit is, which may lie off it) for kWindowRows words at a
  // time, one below the other: all that have a bit of the map.
  template <typename Use>
  void for_each_block(Use use) const {
    for (std::size_t col = 0; col < kMargin + width_; col += kWordBits) {
      for (std::size_t row = 0; row < kMargin + height_; row += kWindowRows) {
        use(col / kWordBits * rows_ + row, static_cast<int>(row) - kMargin, static_cast<int>(col) - kMargin);
      }
    }
  }

  // Of a window that may lie off the map.
  WindowCorner corner(int first_row, int first_col) const {
    const auto col = static_cast<std::size_t>(first_col + kMargin);
    return {col / kWordBits * rows_ + static_cast<std::size_t>(first_row + kMargin),
            static_cast<std::uint16_t>(col % kWordBits)};
  }
  // From a word to that of the next columns in the same row.
  std::size_t next_columns() const { return rows_; }

  static constexpr int kWordBits = 16;

 private:
  static constexpr int kMargin = 8;  // a window reaches kMaxWindow / 2 cells beyond its observer

  std::size_t height_ = 0;  // of the map
  std::size_t width_ = 0;
  std::size_t rows_ = 0;  // words for one group of columns
  std::size_t num_words_ = 0;
};

}  // namespace metta
