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
      : row_(row),
        next_(row),
        end_(row + std::size_t{num_tokens} * kTokenBytes),
        last_piece_(num_tokens > kTokensPerPiece ? end_ - kPieceBytes : nullptr) {}

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

  // For a loop of its own over objects that are copied piece by piece: where the next token goes, and the last place
  // with room for a piece.
  std::uint8_t* next() const { return next_; }
  const std::uint8_t* last_piece() const { return last_piece_; }
  void went_on_to(std::uint8_t* next) { next_ = next; }

  // A piece is copied as a whole, because to ask for the number of its tokens would cost mispredicted branches. What
  // follows the last token is overwritten or padded later.
  static void copy_piece(std::uint8_t* to, const TokenPiece& tokens, const TokenPiece& location) {
    store(to, load(tokens) | load(location));
  }

  // Any number of tokens, room or not.
  void copy(const TokenPiece* pieces, std::uint32_t count, const TokenPiece& location) {
    for (std::uint32_t some; count > 0; ++pieces, count -= some) {
      some = std::min(count, kTokensPerPiece);
      if (next_ <= last_piece_) {
        copy_piece(next_, *pieces, location);
        next_ += std::size_t{some} * kTokenBytes;
        continue;
      }
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(pieces->words.data());
      for (std::uint32_t i = 0; i < some; ++i, bytes += kTokenBytes) {
        token(static_cast<std::uint8_t>(location.words[0]), bytes[1], bytes[2]);
      }
    }
  }

  // Tokens that there were, whether or not they found room.
  std::uint32_t attempted() const { return static_cast<std::uint32_t>(next_ - row_) / kTokenBytes + dropped_; }

  // Fills with 0xFF what follows, given that the row held 0xFF from `previously_written` bytes on, and returns the
  // same for this row. Mostly the last row was but some tokens longer: a length of its own for every row would cost a
  // mispredicted branch.
  std::uint32_t pad(std::uint32_t previously_written) {
    const auto written = static_cast<std::uint32_t>(next_ - row_);
    std::uint8_t* from = next_;
    if (end_ - next_ >= static_cast<std::ptrdiff_t>(kPadBytes)) [[likely]] {
      std::memset(from, kEmptyByte, kPadBytes);
      from += kPadBytes;
    }
    const std::uint8_t* const end = std::min(end_, row_ + std::max(previously_written, written + kPieceBytes));
    if (from < end) std::memset(from, kEmptyByte, static_cast<std::size_t>(end - from));
    return written;
  }

 private:
  using Piece [[gnu::vector_size(kPieceBytes)]] = std::uint64_t;

  static constexpr std::uint32_t kPadBytes = 64;

  static Piece load(const TokenPiece& piece) { return std::bit_cast<Piece>(piece.words); }
  static void store(std::uint8_t* bytes, Piece piece) { std::memcpy(bytes, &piece, sizeof piece); }

  std::uint8_t* row_;
  std::uint8_t* next_;
  std::uint8_t* end_;
  std::uint8_t* last_piece_;  // the last place with room for a piece; before all places if there is none
  std::uint32_t dropped_ = 0;
};

}  // namespace metta
