// The part of a bitmap over the map that an observer's window covers. `first_row` and `first_col` are those of the
// window's upper left corner, which may lie off the map.
#pragma once

#include <cstdint>
#include <vector>

#include "observe/window_rows.hpp"
#include "world/map_bits.hpp"

namespace metta {

// A window that begins further right in a word reaches into the next.
inline bool in_two_words(unsigned first_bit) { return first_bit > MapBitLayout::kWordBits - kWindowRows; }

inline WindowRows cut_out(const MapBitLayout& layout, const std::vector<std::uint64_t>& bits, int first_row,
                          int first_col) {
  const auto [word, first_bit] = layout.corner(first_row, first_col);
  const std::uint64_t* words = bits.data() + word;
  WindowRows rows;
  for (int row = 0; row < kWindowRows; ++row) rows[row] = static_cast<std::uint16_t>(words[row] >> first_bit);
  if (in_two_words(first_bit)) {
    words += layout.next_columns();
    for (int row = 0; row < kWindowRows; ++row) {
      rows[row] |= static_cast<std::uint16_t>(words[row] << (MapBitLayout::kWordBits - first_bit));
    }
  }
  return rows;
}

// Sets the bits that are set in `rows`.
inline void add(const MapBitLayout& layout, std::vector<std::uint64_t>& bits, int first_row, int first_col,
                const WindowRows& rows) {
  const auto [word, first_bit] = layout.corner(first_row, first_col);
  std::uint64_t* words = bits.data() + word;
  for (int row = 0; row < kWindowRows; ++row) words[row] |= std::uint64_t{rows[row]} << first_bit;
  if (in_two_words(first_bit)) {
    words += layout.next_columns();
    for (int row = 0; row < kWindowRows; ++row) {
      words[row] |= std::uint64_t{rows[row]} >> (MapBitLayout::kWordBits - first_bit);
    }
  }
}

}  // namespace metta
