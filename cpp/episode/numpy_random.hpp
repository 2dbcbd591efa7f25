// numpy's random numbers, as far as the published map builders draw them: SeedSequence, PCG64 and Generator.shuffle.
//
// PCG64 is XSL RR 128/64 of M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms
// for Random Number Generation" (2014); SeedSequence follows her "Developing a seed_seq Alternative" (2015). numpy's
// NEP 19 promises that these two keep their streams, but not what `shuffle` makes of them: engine/random_maps.py
// compares before it relies on that.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace metta {

class NumpyRandom {
 public:
  // As default_rng(seed), or as the generator number `child` that a fresh one spawns.
  explicit NumpyRandom(std::uint64_t seed, std::optional<std::uint32_t> child = std::nullopt);

  // Two from each number of 64 bits, the lower half first.
  std::uint32_t next32() {
    if (half_is_left_) {
      half_is_left_ = false;
      return half_;
    }
    const std::uint64_t both = next64();
    half_ = static_cast<std::uint32_t>(both >> 32);
    half_is_left_ = true;
    return static_cast<std::uint32_t>(both);
  }

  // Fewer than 2^32 items. From the last on, each changes places with one that does not stand behind it: as many bits
  // as its index has are drawn, again where that is more than its index. Which it is every fourth time, and no
  // processor foresees that, so there is no branch for it: the item changes places with itself and comes once more.
  template <typename T>
  void shuffle(T* items, std::size_t n) {
    if (n < 2) return;
    for (auto last = static_cast<std::uint32_t>(n - 1); last > 0;) {
      const std::uint32_t drawn = next32() & (~std::uint32_t{0} >> std::countl_zero(last));
      std::swap(items[last], items[std::min(drawn, last)]);
      last -= drawn <= last ? 1 : 0;
    }
  }

 private:
  __extension__ using Wide = unsigned __int128;  // no word of standard C++

  std::uint64_t next64() {
    advance();
    const auto folded = static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_);
    return std::rotr(folded, static_cast<int>(state_ >> 122));
  }
  void advance() {
    constexpr Wide kMultiplier = (Wide{0x2360ed051fc65da4} << 64) | 0x4385df649fccf645;
    state_ = state_ * kMultiplier + increment_;
  }

  Wide state_ = 0;
  Wide increment_ = 0;
  std::uint32_t half_ = 0;
  bool half_is_left_ = false;
};

}  // namespace metta
