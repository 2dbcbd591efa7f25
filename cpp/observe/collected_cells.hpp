// Cells of several windows, collected to be gone through in one loop: most windows have none or one, and a loop for
// each would end in a mispredicted branch.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "observe/view.hpp"

namespace metta {

// A window's rows, four in a word.
inline constexpr int kRowsInWord = 4;
using FourRows = std::array<std::uint64_t, kWindowRows / kRowsInWord>;

inline bool any(const WindowRows& cells) {
#ifdef __AVX2__
  const auto all = std::bit_cast<__m256i>(cells);
  return _mm256_testz_si256(all, all) == 0;
#else
  std::uint64_t bits = 0;
  for (const std::uint64_t rows : std::bit_cast<FourRows>(cells)) bits |= rows;
  return bits != 0;
#endif
}

class CollectedCells {
 public:
  bool full() const { return size_ == kMostViews; }

  // `first_cell`: of the window, in the grid, which it may lie before.
  void add(const WindowRows& cells, std::int32_t first_cell, std::uint32_t window) {
    windows_[size_] = {cells, first_cell, window};
    size_ += any(cells);  // no branch: it would often be mispredicted, as all those left out below
  }

  // use(cell of the grid, window). Empty afterwards.
  template <typename Use>
  void take_each(int width, Use use) {
    std::array<Rows, kWindowRows / kRowsInWord * kMostViews + 1> some;  // none is read before it is written
    std::size_t end = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      const auto& [cells, first_of_window, window] = windows_[i];
      std::int32_t first_cell = first_of_window;
      for (const std::uint64_t rows : std::bit_cast<FourRows>(cells)) {
        some[end] = {rows, first_cell, window};
        end += rows != 0;
        first_cell += kRowsInWord * width;
      }
    }
    size_ = 0;
    some[end].cells = 0;
    const Rows* next = some.data();
    for (std::uint64_t left = next->cells; left != 0;) {
      const int bit = std::countr_zero(left);
      use(static_cast<std::size_t>(next->first_cell + bit / kWindowRows * width + bit % kWindowRows), next->window);
      left &= left - 1;
      const std::uint64_t done = left == 0;
      next += done;
      left |= next->cells & (0 - done);
    }
  }

 private:
  struct Window {
    WindowRows cells;
    std::int32_t first_cell;
    std::uint32_t window;
  };
  struct Rows {
    std::uint64_t cells;  // in four rows
    std::int32_t first_cell;
    std::uint32_t window;
  };

  std::array<Window, kMostViews + 1> windows_;  // none is read before it is written
  std::size_t size_ = 0;
};

}  // namespace metta
