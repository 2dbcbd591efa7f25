// What the encoder keeps between steps about one world: the tokens of every object, ready to be copied, and how much of
// each agent's row it has written. The world says when an object changes or another one stands in a cell.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "game/observation_tables.hpp"
#include "game/types.hpp"

namespace metta {

// Where the tokens of one object are: tags, vibe, inventory and, for an agent, group and id. The default: nothing to
// copy, as in an empty cell.
class TokenPlace {
 public:
  // Sizes above two pieces are not sizes: the encoder sees with one comparison that it must look closer.
  static constexpr std::uint8_t kMany = 0xFE;   // more than two pieces: the run's header says how many tokens
  static constexpr std::uint8_t kStale = 0xFF;  // changed since the encoder last looked
  static constexpr std::size_t kMostWords = std::size_t{1} << 24;

  std::uint8_t bytes() const { return static_cast<std::uint8_t>(place_); }
  std::uint32_t word() const { return place_ >> 8; }  // of TokenCache::words: the run's first
  void set(std::uint32_t word, std::uint32_t tokens) {
    place_ = word << 8 | (tokens * kTokenBytes <= 2 * kFullPiece ? tokens * kTokenBytes : kMany);
  }
  void set_stale() { place_ |= kStale; }

 private:
  std::uint32_t place_ = 0;
};
static_assert(sizeof(TokenPlace) == 4);

// The word before every run of pieces.
struct RunHeader {
  std::uint32_t tokens = 0;
  std::uint32_t own_pieces = 0;  // room of a run that belongs to one object; 0 if objects of one config share it
};
static_assert(sizeof(RunHeader) == sizeof(std::uint64_t));

struct TokenCache {
  static constexpr std::uint32_t kNoRun = 0;  // a word's index at which no object's run begins

  std::vector<TokenPlace> objects;
  // Of what stands in each cell, so that an observation need not ask which object that is. As grid.
  std::vector<TokenPlace> cells;
  // Most objects never change (walls): those that look alike share the tokens of the first of their config.
  std::vector<TokenPlace> shared;     // [object configs]
  std::vector<std::uint64_t> words;   // runs, one after the other: header, then pieces whose location bytes are 0
  std::vector<TokenPiece> scratch;    // one object's tokens while they are assembled
  std::vector<std::int32_t> offsets;  // [cells of the window, in emission order]: from the observer's cell in the grid
  std::vector<std::uint32_t> written_bytes;  // [agents]: from here on the row is known to hold 0xFF

  // Forgets an episode; memory is kept.
  void begin(std::size_t num_configs, std::size_t num_cells) {
    objects.clear();
    cells.assign(num_cells, TokenPlace{});
    shared.assign(num_configs, TokenPlace{});
    words.assign(kWordsPerPiece, 0);  // what an empty cell copies, and does not count
  }
  void object_added() { objects.emplace_back().set_stale(); }
  RunHeader header(std::uint32_t word) const { return std::bit_cast<RunHeader>(words[word - 1]); }
  void set_header(std::uint32_t word, RunHeader header) { words[word - 1] = std::bit_cast<std::uint64_t>(header); }

  std::size_t bytes() const {
    return objects.capacity() * sizeof(TokenPlace) + cells.capacity() * sizeof(TokenPlace) +
           shared.capacity() * sizeof(TokenPlace) + words.capacity() * 8 + scratch.capacity() * sizeof(TokenPiece) +
           offsets.capacity() * 4 + written_bytes.capacity() * 4;
  }
};

}  // namespace metta
