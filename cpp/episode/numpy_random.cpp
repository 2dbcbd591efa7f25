#include "episode/numpy_random.hpp"

#include <array>

namespace metta {

namespace {

constexpr std::size_t kPoolWords = 4;
using Pool = std::array<std::uint32_t, kPoolWords>;

std::uint32_t fold(std::uint32_t word) { return word ^ (word >> 16); }

// Hashes words one after the other, each by a factor of its own.
class WordHash {
 public:
  WordHash(std::uint32_t first_factor, std::uint32_t step) : factor_(first_factor), step_(step) {}

  std::uint32_t operator()(std::uint32_t word) {
    word ^= factor_;
    factor_ *= step_;
    return fold(word * factor_);
  }

 private:
  std::uint32_t factor_;
  std::uint32_t step_;
};

void mix_in(std::uint32_t& word, std::uint32_t hashed) { word = fold(0xca01f9ddU * word - 0x4973f715U * hashed); }

// Seeds of up to 128 bits fill the pool, with zeroes above them; a child's number comes after it.
Pool mixed_pool(std::uint64_t seed, std::optional<std::uint32_t> child) {
  WordHash hash(0x43b0d7e5U, 0x931e8875U);
  Pool pool{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32), 0, 0};
  for (std::uint32_t& word : pool) word = hash(word);
  for (std::size_t from = 0; from < kPoolWords; ++from) {
    for (std::size_t to = 0; to < kPoolWords; ++to) {
      if (from != to) mix_in(pool[to], hash(pool[from]));
    }
  }
  if (child) {
    for (std::uint32_t& word : pool) mix_in(word, hash(*child));
  }
  return pool;
}

}  // namespace

NumpyRandom::NumpyRandom(std::uint64_t seed, std::optional<std::uint32_t> child) {
  const Pool pool = mixed_pool(seed, child);
  WordHash hash(0x8b51f9ddU, 0x58f38dedU);
  // Where the stream starts and which it is, the high word of each before the low one.
  std::array<std::uint64_t, 4> words{};
  std::size_t next = 0;
  for (std::uint64_t& word : words) {
    word = hash(pool[next++ % kPoolWords]);
    word |= std::uint64_t{hash(pool[next++ % kPoolWords])} << 32;
  }
  increment_ = (((Wide{words[2]} << 64) | words[3]) << 1) | 1;
  advance();
  state_ += (Wide{words[0]} << 64) | words[1];
  advance();
}

}  // namespace metta
