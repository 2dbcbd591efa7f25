// From the one number an agent sends to the engine's two action streams, over plain pointers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace metta::kernels {

// Numbers below `primary` are primary actions without a vibe; `primary + action * vibes + vibe` is both.
struct ActionCounts {
  std::uint32_t primary;
  std::uint32_t vibes;
};

// Writes indices of the engine's action table: primary actions come first in it, then vibes; 0 in `vibe_actions` means
// no vibe. False, and nothing written, when a number is outside the game's. `actions` may be `primary`; apart from that
// the arrays do not overlap. Defined for int32 and int64.
template <typename Number>
bool decode_actions(const Number* actions, std::int32_t* primary, std::int32_t* vibe_actions, std::size_t rows,
                    ActionCounts counts);

}  // namespace metta::kernels
