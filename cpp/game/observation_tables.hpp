// Tables of the observation window that depend on the game only: masks, emission order, shadows of line of sight.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace metta {

struct ObservationConfig;

inline constexpr int kMaxWindow = 15;  // rows or columns: an offset is packed into four bits

// One bit a column, for every row of the window; the last row is not used.
inline constexpr int kWindowRows = 16;
using MaskRows = std::array<std::uint16_t, kWindowRows>;
using WindowBits = std::array<std::uint64_t, 4>;  // one bit a cell of the window's box, row * width + column

// Where in MaskRows the cells of 32 positions of the emission order are. Of no cell: bit 0.
struct RankGroup {
  alignas(32) std::array<std::uint8_t, 32> byte{};
  alignas(32) std::array<std::uint8_t, 32> bit{};
};

// Five tokens of three bytes (location, feature, value), copied as a whole with the byte behind them: in observations
// that is the next token's or padded later, in world/token_cache it says how long a run of pieces is.
inline constexpr std::uint32_t kTokenBytes = 3;
inline constexpr std::uint32_t kTokensPerPiece = 5;
struct alignas(16) TokenPiece {
  std::array<std::uint64_t, 2> words{};

  std::uint8_t last_byte() const { return static_cast<std::uint8_t>(words[1] >> 56); }
  bool operator==(const TokenPiece&) const = default;
  void set_last_byte(std::uint8_t byte) { words[1] = words[1] << 8 >> 8 | std::uint64_t{byte} << 56; }
};
inline constexpr std::uint32_t kPieceBytes = sizeof(TokenPiece);
inline constexpr std::uint32_t kFullPiece = kTokensPerPiece * kTokenBytes;  // bytes of tokens
static_assert(kPieceBytes == kFullPiece + 1);

// The location byte of every token of a piece, all else 0.
constexpr TokenPiece token_locations(std::uint8_t location) {
  TokenPiece piece;
  for (std::uint32_t byte = 0; byte < kFullPiece; byte += kTokenBytes) {
    piece.words[byte / 8] |= std::uint64_t{location} << (8 * (byte % 8));
  }
  return piece;
}

struct ObservationTables {
  // The window mask when the radius is clamped to the index; the last one is the whole window.
  std::vector<MaskRows> masks;
  std::array<RankGroup, 6> rank_groups;  // positions in ObservationConfig::window
  std::size_t num_rank_groups = 0;
  // [cells in emission order]: the cell's location byte where each token of a piece has its own.
  std::vector<TokenPiece> locations;
  // [row * width + column]: the cells that something there hides from the centre.
  std::vector<WindowBits> shadows;
};

// Fills observation.tables from its radii and window.
void fill_observation_tables(ObservationConfig& observation);

// Whether the segment from (0, 0) to the cell (row, col) touches the closed unit square around the blocker.
bool blocks_line_of_sight(int blocker_row, int blocker_col, int row, int col);

}  // namespace metta
