// The part of a bitmap over the map that an observer's window covers.
#pragma once

#include <cstdint>
#include <cstring>

#include "observe/window_rows.hpp"
#include "world/map_bits.hpp"

namespace metta {

inline WindowRows rows_from(const std::uint16_t* words) {
  WindowRows rows;
  std::memcpy(&rows, words, sizeof rows);
  return rows;
}

// The columns to the right are shifted twice: by all 16 bits at once is undefined.
inline WindowRows cut_out(const MapBitLayout& layout, const MapBits& bits, WindowCorner corner) {
  const auto [word, bit] = corner;
  const std::uint16_t* words = &bits[word];
  const std::uint16_t rest = MapBitLayout::kWordBits - 1 - bit;
  return rows_from(words) >> bit | rows_from(words + layout.next_columns()) << 1 << rest;
}

// Sets the bits that are set in `rows`.
inline void add(const MapBitLayout& layout, MapBits& bits, WindowCorner corner, const WindowRows& rows) {
  const auto [word, bit] = corner;
  const std::uint16_t rest = MapBitLayout::kWordBits - 1 - bit;
  const auto join = [](std::uint16_t* words, const WindowRows& more) {
    const WindowRows joined = rows_from(words) | more;
    std::memcpy(words, &joined, sizeof joined);
  };
  join(&bits[word], rows << bit);
  join(&bits[word + layout.next_columns()], rows >> 1 >> rest);
}

}  // namespace metta
