#include "observe/visibility.hpp"

#include <algorithm>
#include <bit>

#include "observe/window_cut.hpp"

namespace metta {

namespace {

// The shadows of all blockers in the window's box, whether or not the mask shows them.
WindowBits hidden_cells(const ObservationConfig& observation, const World& world, Location at) {
  WindowBits hidden{};
  const WindowCorner corner = world.bit_layout.corner(at.row - observation.row_radius, at.col - observation.col_radius);
  const WindowRows blockers = cut_out(world.bit_layout, world.vision_blockers, corner);
  const std::uint32_t box_row = (1U << observation.width) - 1;
  for (int row = 0; row < observation.height; ++row) {
    for (std::uint32_t left = blockers[row] & box_row; left != 0; left &= left - 1) {
      const WindowBits& shadow = observation.tables.shadows[row * observation.width + std::countr_zero(left)];
      for (std::size_t word = 0; word < hidden.size(); ++word) hidden[word] |= shadow[word];
    }
  }
  return hidden;
}

std::uint32_t bits_from(const WindowBits& bits, int first) {
  const int word = first / 64;
  const int shift = first % 64;
  std::uint64_t value = bits[word] >> shift;
  if (shift > 64 - kMaxWindow && word + 1 < static_cast<int>(bits.size())) value |= bits[word + 1] << (64 - shift);
  return static_cast<std::uint32_t>(value);
}

}  // namespace

WindowRows visible_rows(const Game& game, const World& world, Location at, std::size_t clamp) {
  const ObservationConfig& observation = game.observation;
  auto rows = std::bit_cast<WindowRows>(observation.tables.masks[clamp]);
  if (!observation.any_blocks_vision) return rows;
  const WindowBits hidden = hidden_cells(observation, world, at);
  // The published engine stores the flags with the window's width as stride and reads them with the clamped one.
  const int stride = 2 * static_cast<int>(std::min<std::size_t>(observation.col_radius, clamp)) + 1;
  for (int row = 0; row < observation.height; ++row) {
    rows[row] = static_cast<std::uint16_t>(rows[row] & ~bits_from(hidden, row * stride));
  }
  return rows;
}

}  // namespace metta
