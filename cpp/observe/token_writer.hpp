// Writes tokens into one agent's row and never past its end, counting those that found no room.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "observe/token_cache.hpp"

namespace metta {

static_assert(std::endian::native == std::endian::little, "tokens are assembled in little-endian words");

inline constexpr std::uint32_t kTokenBytes = 3;
inline constexpr std::uint8_t kGlobalLocation = 0xFE;
inline constexpr std::uint8_t kEmptyByte = 0xFF;

class TokenWriter {
 public:
  TokenWriter(std::uint8_t* row, std::uint32_t num_tokens)
      : row_(row), next_(row), end_(row + std::size_t{num_tokens} * kTokenBytes) {}

  void token(std::uint8_t location, std::uint8_t feature, std::uint8_t value) {
    ++attempted_;
    const std::uint32_t packed = location | std::uint32_t{feature} << 8 | std::uint32_t{value} << 16;
    if (end_ - next_ > static_cast<std::ptrdiff_t>(kTokenBytes)) [[likely]] {
      std::memcpy(next_, &packed, 4);  // the fourth byte belongs to the next token
      next_ += kTokenBytes;
    } else if (next_ < end_) {
      std::memcpy(next_, &packed, kTokenBytes);
      next_ += kTokenBytes;
    }
  }

  // The digits of `value` in `base`, the lowest first, in consecutive feature ids (which may wrap).
  void number(std::uint8_t location, std::uint8_t feature, std::uint32_t value, std::uint32_t base) {
    do {
      token(location, feature++, static_cast<std::uint8_t>(value % base));
      value /= base;
    } while (value > 0);
  }

  // Tokens prepared in blocks. Copies whole blocks: what follows the last token is overwritten or padded later.
  void blocks(const std::uint64_t* words, std::uint32_t count, std::uint8_t location) {
    const std::uint32_t whole = (count + kTokensPerBlock - 1) / kTokensPerBlock;
    if (end_ - next_ < static_cast<std::ptrdiff_t>(std::size_t{whole} * kBlockBytes)) [[unlikely]] {
      blocks_near_end(words, count, location);
      return;
    }
    attempted_ += count;
    std::uint8_t* to = next_;
    for (std::uint32_t i = 0; i < whole; ++i, words += kWordsPerBlock, to += kBlockBytes) {
      // Bytes 0, 3, 6, ... of a block are locations. Stored word by word: gathering them in an array first costs a
      // failed store forwarding for every object.
      store(to, words[0] | location * 0x0001000001000001U);
      store(to + 8, words[1] | location * 0x0100000100000100U);
      store(to + 16, words[2] | location * 0x0000010000010000U);
    }
    next_ += std::size_t{count} * kTokenBytes;
  }

  std::uint32_t attempted() const { return attempted_; }

  // Fills with 0xFF what follows, given that the row held 0xFF from `previously_written` bytes on, and returns the
  // same for this row.
  std::uint32_t pad(std::uint32_t previously_written) {
    const auto written = static_cast<std::uint32_t>(next_ - row_);
    const auto capacity = static_cast<std::uint32_t>(end_ - row_);
    const std::uint32_t dirty = std::max(previously_written, std::min(written + kBlockBytes, capacity));
    std::memset(next_, kEmptyByte, dirty - written);
    return written;
  }

 private:
  static void store(std::uint8_t* to, std::uint64_t word) { std::memcpy(to, &word, sizeof word); }

  void blocks_near_end(const std::uint64_t* words, std::uint32_t count, std::uint8_t location) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(words);
    for (std::uint32_t i = 0; i < count; ++i) token(location, bytes[i * kTokenBytes + 1], bytes[i * kTokenBytes + 2]);
  }

  std::uint8_t* row_;
  std::uint8_t* next_;
  std::uint8_t* end_;
  std::uint32_t attempted_ = 0;
};

}  // namespace metta
