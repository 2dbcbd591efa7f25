// Tables of the observation window that depend on the game only: masks, emission order, shadows of line of sight.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace metta {

struct ObservationConfig;

inline constexpr int kMaxWindow = 15;  // rows or columns: an offset is packed into four bits

using WindowRows = std::array<std::uint16_t, kMaxWindow>;  // one bit a column, for every row of the window
using WindowBits = std::array<std::uint64_t, 4>;           // one bit a cell of the window's box, row * width + column

// A bit for every position in emission order.
using RankBits = std::array<std::uint64_t, 3>;

// Five tokens of three bytes (location, feature, value) and a byte that is not used: copied as a whole.
inline constexpr std::uint32_t kTokenBytes = 3;
inline constexpr std::uint32_t kTokensPerPiece = 5;
inline constexpr std::uint32_t kWordsPerPiece = 2;
struct alignas(16) TokenPiece {
  std::array<std::uint64_t, kWordsPerPiece> words{};
};
inline constexpr std::uint32_t kPieceBytes = sizeof(TokenPiece);
static_assert(kPieceBytes == kTokensPerPiece * kTokenBytes + 1);

inline constexpr int kChunkBits = 5;
inline constexpr int kChunks = 3;  // of a row: kMaxWindow columns
inline constexpr int kChunkPatterns = 1 << kChunkBits;

struct ObservationTables {
  // The window mask when the radius is clamped to the index; the last one is the whole window.
  std::vector<WindowRows> masks;
  // Bits of a row of the window to bits of emission order (positions in ObservationConfig::window): for every row,
  // every group of kChunkBits columns and every pattern of that group.
  std::vector<RankBits> ranks;  // [row, group, pattern]
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
