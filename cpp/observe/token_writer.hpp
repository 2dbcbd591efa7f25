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
    const std::uint32_t packed = location | std::uint32_t{feature} << 8 | std::uint32_t{value} << 16;
    if (end_ - next_ > static_cast<std::ptrdiff_t>(kTokenBytes)) [[likely]] {
      std::memcpy(next_, &packed, 4);  // the fourth byte belongs to the next token
      next_ += kTokenBytes;
    } else if (next_ < end_) {
      std::memcpy(next_, &packed, kTokenBytes);
      next_ += kTokenBytes;
    } else {
      ++dropped_;
    }
  }

  // The digits of `value` in `base`, the lowest first, in consecutive feature ids (which may wrap).
  void number(std::uint8_t location, std::uint8_t feature, std::uint32_t value, std::uint32_t base) {
    do {
      token(location, feature++, static_cast<std::uint8_t>(value % base));
      value /= base;
    } while (value > 0);
  }

  // `count` tokens prepared in blocks. Copies whole blocks: what follows the last token is overwritten or padded later.
  void blocks(const std::uint64_t* words, std::uint32_t count, std::uint8_t location) {
    if (count > kTokensPerBlock || end_ - next_ < static_cast<std::ptrdiff_t>(kBlockBytes)) [[unlikely]] {
      *this = many_blocks(*this, words, count, location);
      return;
    }
    block(words, location);
    next_ += std::size_t{count} * kTokenBytes;
  }

  // Tokens that there were, whether or not they found room.
  std::uint32_t attempted() const { return static_cast<std::uint32_t>(next_ - row_) / kTokenBytes + dropped_; }

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
  // Bytes 0, 3, 6, ... of a block are locations. Stored word by word: gathering the words in an array first costs a
  // failed store forwarding for every object.
  void block(const std::uint64_t* words, std::uint8_t location) {
    store(next_, words[0] | location * 0x0001000001000001U);
    store(next_ + 8, words[1] | location * 0x0100000100000100U);
    store(next_ + 16, words[2] | location * 0x0000010000010000U);
  }
  static void store(std::uint8_t* to, std::uint64_t word) { std::memcpy(to, &word, sizeof word); }

  // Out of line and by value, so that the address of a writer in a register is never needed.
  [[gnu::noinline]] static TokenWriter many_blocks(TokenWriter writer, const std::uint64_t* words, std::uint32_t count,
                                                   std::uint8_t location) {
    while (count >= kTokensPerBlock && writer.end_ - writer.next_ >= static_cast<std::ptrdiff_t>(kBlockBytes)) {
      writer.block(words, location);
      writer.next_ += kBlockBytes;
      words += kWordsPerBlock;
      count -= kTokensPerBlock;
    }
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(words);
    for (; count > 0; --count, bytes += kTokenBytes) writer.token(location, bytes[1], bytes[2]);
    return writer;
  }

  std::uint8_t* row_;
  std::uint8_t* next_;
  std::uint8_t* end_;
  std::uint32_t dropped_ = 0;
};

}  // namespace metta
