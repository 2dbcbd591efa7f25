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

// Stands before a run of pieces, and is as long as one.
struct RunHeader {
  std::uint32_t tokens = 0;
  std::uint32_t own_pieces = 0;  // room of a run that belongs to one object; 0 if objects of one config share it
  std::uint64_t unused = 0;
};
static_assert(sizeof(RunHeader) == sizeof(TokenPiece));

// The tokens of an object (tags, vibe, inventory and, for an agent, group and id) are a run of pieces whose location
// bytes are 0. What an observation reads of a cell is two bytes there and the run, which says itself how long it is.
struct TokenCache {
  // Pieces by number; a run is called by its first.
  static constexpr std::uint32_t kNothing = 0;     // the run of an empty cell: copied, but not counted
  static constexpr std::uint32_t kLookCloser = 1;  // a stale run: no tokens yet, or too far for a cell's two bytes
  static constexpr std::uint32_t kFirstHeader = 2;

  // The size that a run's first piece ends with, if it is not the bytes of all its tokens, at most two full pieces: the
  // encoder sees with one comparison that it must look closer.
  static constexpr std::uint8_t kMany = 0xFE;   // the run's header says how many tokens
  static constexpr std::uint8_t kStale = 0xFF;  // changed since the encoder last looked

  std::vector<std::uint32_t> objects;  // the run of each
  // The run of what stands in each cell, so that an observation need not ask which object that is. As grid.
  std::vector<std::uint16_t> cells;
  // Most objects never change (walls): those that look alike share the run of the first of their config.
  std::vector<std::uint32_t> shared;  // [object configs], kLookCloser while there is none
  std::vector<TokenPiece> pieces;     // runs, one after the other, each behind its header
  std::vector<TokenPiece> scratch;    // one object's tokens while they are assembled
  std::vector<std::int32_t> offsets;  // [cells of the window, in emission order]: from the observer's cell in the grid
  std::vector<std::uint32_t> written_bytes;  // [agents]: from here on the row is known to hold 0xFF

  // Forgets an episode; memory is kept.
  void begin(std::size_t num_configs, std::size_t num_cells);

  // For a cell: its two bytes do not reach every run of a world with more than some 30,000 runs of their own.
  static std::uint16_t near(std::uint32_t run) { return static_cast<std::uint16_t>(run <= 0xFFFF ? run : kLookCloser); }

  static std::uint8_t size_byte(std::uint32_t tokens) {
    return tokens * kTokenBytes <= 2 * kFullPiece ? static_cast<std::uint8_t>(tokens * kTokenBytes) : kMany;
  }
  bool stale(std::uint32_t run) const { return pieces[run].last_byte() == kStale; }
  RunHeader header(std::uint32_t run) const { return std::bit_cast<RunHeader>(pieces[run - 1]); }
  void set_header(std::uint32_t run, RunHeader header) { pieces[run - 1] = std::bit_cast<TokenPiece>(header); }
  std::uint32_t count(std::uint32_t run) const {
    const std::uint8_t size = pieces[run].last_byte();
    return size == kMany ? header(run).tokens : size / kTokenBytes;
  }
  bool own(std::uint32_t run) const { return run >= kFirstHeader && header(run).own_pieces != 0; }

  std::size_t bytes() const {
    return objects.capacity() * 4 + cells.capacity() * 2 + shared.capacity() * 4 +
           (pieces.capacity() + scratch.capacity()) * sizeof(TokenPiece) + offsets.capacity() * 4 +
           written_bytes.capacity() * 4;
  }
};

}  // namespace metta
