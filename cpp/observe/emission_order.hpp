// Cells of the observation window from rows and columns into the order in which observations list them.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "observe/window_rows.hpp"

namespace metta {

// A bit for every position in emission order.
using RankBits = std::array<std::uint64_t, 3>;

#ifdef __AVX2__

// Fetches the byte that holds each position's cell, wherever it lies in the window: 32 positions in some eight
// instructions. To walk over the cells of each row would cost a mispredicted branch a row.
inline std::uint32_t ranks_of_group(__m256i upper_rows, __m256i lower_rows, const RankGroup& group) {
  const __m256i source = _mm256_load_si256(reinterpret_cast<const __m256i*>(group.byte.data()));
  const __m256i bit = _mm256_load_si256(reinterpret_cast<const __m256i*>(group.bit.data()));
  // A shuffle yields 0 where its index is negative as a signed byte: each half answers for its own 16 bytes only.
  const __m256i from_upper = _mm256_shuffle_epi8(upper_rows, _mm256_add_epi8(source, _mm256_set1_epi8(0x70)));
  const __m256i from_lower = _mm256_shuffle_epi8(lower_rows, _mm256_sub_epi8(source, _mm256_set1_epi8(0x10)));
  const __m256i set = _mm256_and_si256(_mm256_or_si256(from_upper, from_lower), bit);
  return ~static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(set, _mm256_setzero_si256())));
}

inline RankBits in_emission_order(const ObservationTables& tables, const WindowRows& rows) {
  const auto all = std::bit_cast<__m256i>(rows);
  const __m256i upper = _mm256_permute2x128_si256(all, all, 0x00);
  const __m256i lower = _mm256_permute2x128_si256(all, all, 0x11);
  RankBits ranks{};
  for (std::size_t word = 0; word < ranks.size(); ++word) {
    if (2 * word >= tables.num_rank_groups) break;
    const std::uint64_t low = ranks_of_group(upper, lower, tables.rank_groups[2 * word]);
    ranks[word] = low | std::uint64_t{ranks_of_group(upper, lower, tables.rank_groups[2 * word + 1])} << 32;
  }
  return ranks;
}

#else

inline RankBits in_emission_order(const ObservationTables& tables, const WindowRows& rows) {
  std::array<std::uint8_t, sizeof(WindowRows)> bytes;
  std::memcpy(bytes.data(), &rows, sizeof rows);
  RankBits ranks{};
  for (std::size_t rank = 0; rank < 32 * tables.num_rank_groups; ++rank) {
    const RankGroup& group = tables.rank_groups[rank / 32];
    const std::uint64_t set = (bytes[group.byte[rank % 32]] & group.bit[rank % 32]) != 0;
    ranks[rank / 64] |= set << (rank % 64);
  }
  return ranks;
}

#endif

}  // namespace metta
