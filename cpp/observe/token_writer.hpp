// Writes tokens into one agent's row and never past its end, counting those that found no room.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "game/observation_tables.hpp"

namespace metta {

static_assert(std::endian::native == std::endian::little, "a token is stored as a little-endian word");

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

  // True when `count` tokens can be copied at once.
  bool room_at_once(std::uint32_t count) const {
    return count <= kTokensPerPiece && end_ - next_ >= static_cast<std::ptrdiff_t>(kPieceBytes);
  }
  // At most a piece, copied as a whole because to ask for the count would cost mispredicted branches. What follows the
  // last token is overwritten or padded later.
  void copy_at_once(const std::uint64_t* words, std::uint32_t count, const TokenPiece& location) {
    store(next_, load(words) | load(location.words.data()));
    next_ += std::size_t{count} * kTokenBytes;
  }
  // The same for at most two pieces.
  bool room_for_two(std::uint32_t count) const {
    return count <= 2 * kTokensPerPiece && end_ - next_ >= static_cast<std::ptrdiff_t>(2 * kPieceBytes);
  }
  void copy_two(const std::uint64_t* words, std::uint32_t count, const TokenPiece& location) {
    copy_at_once(words, kTokensPerPiece, location);
    copy_at_once(words + kWordsPerPiece, count - kTokensPerPiece, location);
  }
  // Any number of tokens, room or not.
  void copy(const std::uint64_t* words, std::uint32_t count, const TokenPiece& location) {
    for (std::uint32_t some; count > 0; words += kWordsPerPiece, count -= some) {
      some = std::min(count, kTokensPerPiece);
      if (room_at_once(some)) {
        copy_at_once(words, some, location);
        continue;
      }
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(words);
      for (std::uint32_t i = 0; i < some; ++i, bytes += kTokenBytes) {
        token(static_cast<std::uint8_t>(location.words[0]), bytes[1], bytes[2]);
      }
    }
  }

  // Tokens that there were, whether or not they found room.
  std::uint32_t attempted() const { return static_cast<std::uint32_t>(next_ - row_) / kTokenBytes + dropped_; }

  // Fills with 0xFF what follows, given that the row held 0xFF from `previously_written` bytes on, and returns the
  // same for this row.
  std::uint32_t pad(std::uint32_t previously_written) {
    const auto written = static_cast<std::uint32_t>(next_ - row_);
    const auto capacity = static_cast<std::uint32_t>(end_ - row_);
    const std::uint32_t dirty = std::max(previously_written, std::min(written + kPieceBytes, capacity));
    std::memset(next_, kEmptyByte, dirty - written);
    return written;
  }

 private:
  using Piece [[gnu::vector_size(kPieceBytes)]] = std::uint64_t;

  static Piece load(const std::uint64_t* words) {
    Piece piece;
    std::memcpy(&piece, words, sizeof piece);
    return piece;
  }
  static void store(std::uint8_t* bytes, Piece piece) { std::memcpy(bytes, &piece, sizeof piece); }

  std::uint8_t* row_;
  std::uint8_t* next_;
  std::uint8_t* end_;
  std::uint32_t dropped_ = 0;
};

}  // namespace metta
