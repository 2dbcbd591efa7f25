// The one random stream of a world: std::mt19937 and libstdc++'s std::shuffle (GCC 11 and later), written out so that
// the draws do not depend on the compiler's library.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace metta {

class Random {
 public:
  explicit Random(std::uint32_t seed = 0) { reseed(seed); }

  void reseed(std::uint32_t seed);

  std::uint32_t next32() {
    if (position_ == kWords) twist();
    std::uint32_t y = state_[position_++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
  }

  const std::uint32_t* next_word() const { return &state_[position_ % kWords]; }

  // Uniform in [0, n): Lemire's multiply and shift, with its rejection.
  std::uint32_t bounded(std::uint32_t n) {
    std::uint64_t product = std::uint64_t{next32()} * n;
    if (static_cast<std::uint32_t>(product) < n) {
      const std::uint32_t threshold = (0U - n) % n;
      while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{next32()} * n;
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

  // libstdc++ draws two positions from one number while the square of the length fits 32 bits.
  template <typename T>
  void shuffle(T* items, std::size_t n) {
    if (n < 2) return;
    if (n > 65535) {
      for (std::size_t i = 1; i < n; ++i) std::swap(items[i], items[bounded(static_cast<std::uint32_t>(i + 1))]);
      return;
    }
    std::size_t i = 1;
    if (n % 2 == 0) {
      std::swap(items[1], items[bounded(2)]);
      i = 2;
    }
    for (; i < n; i += 2) {
      const auto size = static_cast<std::uint32_t>(i + 1);
      const std::uint32_t pair = bounded(size * (size + 1));
      std::swap(items[i], items[pair / (size + 1)]);
      std::swap(items[i + 1], items[pair % (size + 1)]);
    }
  }

 private:
  static constexpr std::size_t kWords = 624;
  void twist();

  std::array<std::uint32_t, kWords> state_{};
  std::size_t position_ = kWords;
};

}  // namespace metta
