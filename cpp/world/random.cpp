#include "world/random.hpp"

namespace metta {

void Random::reseed(std::uint32_t seed) {
  state_[0] = seed;
  for (std::size_t i = 1; i < kWords; ++i) {
    state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30)) + static_cast<std::uint32_t>(i);
  }
  position_ = kWords;
}

void Random::twist() {
  constexpr std::size_t kShift = 397;
  const auto mixed = [this](std::size_t i, std::size_t next) {
    const std::uint32_t y = (state_[i] & 0x80000000U) | (state_[next] & 0x7fffffffU);
    return (y >> 1) ^ ((y & 1U) ? 0x9908b0dfU : 0U);
  };
  for (std::size_t i = 0; i < kWords - kShift; ++i) state_[i] = state_[i + kShift] ^ mixed(i, i + 1);
  for (std::size_t i = kWords - kShift; i < kWords - 1; ++i) state_[i] = state_[i + kShift - kWords] ^ mixed(i, i + 1);
  state_[kWords - 1] = state_[kShift - 1] ^ mixed(kWords - 1, 0);
  position_ = 0;
}

}  // namespace metta
