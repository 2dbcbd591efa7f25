#include "kernels/actions.hpp"

#include <algorithm>
#include <type_traits>

namespace metta::kernels {
namespace {

// As unsigned numbers negative ones are large: one comparison for both ends.
template <typename Number>
std::uint64_t largest_of(const Number* actions, std::size_t rows) {
  using Unsigned = std::make_unsigned_t<Number>;
  Unsigned largest = 0;
  for (std::size_t row = 0; row < rows; ++row) largest = std::max(largest, static_cast<Unsigned>(actions[row]));
  return largest;
}

}  // namespace

template <typename Number>
bool decode_actions(const Number* actions, std::int32_t* primary, std::int32_t* vibe_actions, std::size_t rows,
                    ActionCounts counts) {
  if (rows == 0) return true;
  const std::uint64_t largest = largest_of(actions, rows);
  if (largest < counts.primary) {  // nobody sends a vibe, as in most steps: nothing to divide
    for (std::size_t row = 0; row < rows; ++row) primary[row] = static_cast<std::int32_t>(actions[row]);
    std::fill_n(vibe_actions, rows, 0);
    return true;
  }
  if (largest >= std::uint64_t{counts.primary} * (std::uint64_t{counts.vibes} + 1)) return false;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto action = static_cast<std::uint32_t>(actions[row]);
    const bool with_vibe = action >= counts.primary;
    const std::uint32_t both = action - counts.primary;
    primary[row] = static_cast<std::int32_t>(with_vibe ? both / counts.vibes : action);
    vibe_actions[row] = static_cast<std::int32_t>(with_vibe ? counts.primary + both % counts.vibes : 0);
  }
  return true;
}

template bool decode_actions(const std::int32_t*, std::int32_t*, std::int32_t*, std::size_t, ActionCounts);
template bool decode_actions(const std::int64_t*, std::int32_t*, std::int32_t*, std::size_t, ActionCounts);

}  // namespace metta::kernels
