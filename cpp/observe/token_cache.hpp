// What the encoder keeps between steps about one world: the tokens of every object, ready to be copied, and how much of
// each agent's row it has written. The world calls object_added and object_changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "game/observation_tables.hpp"
#include "game/types.hpp"

namespace metta {

// Where the tokens of one object are: tags, vibe, inventory and, for an agent, group and id. Small, because every
// observation reads one for each object that it shows.
class ObjectTokens {
 public:
  // Counts above kTokensPerBlock are not counts: the encoder sees with one comparison that it must look closer.
  static constexpr std::uint8_t kMany = 0xFE;   // more than a block: TokenCache::details says how many
  static constexpr std::uint8_t kStale = 0xFF;  // changed since the encoder last looked
  static constexpr std::size_t kMostWords = std::size_t{1} << 24;

  std::uint32_t last_seen = 0;  // step at which an observation last showed the object (`cell.visited`)

  std::uint8_t count() const { return static_cast<std::uint8_t>(place_); }
  std::uint32_t word() const { return place_ >> 8; }  // of TokenCache::words: its first
  void set(std::uint32_t word, std::uint32_t tokens) {
    place_ = word << 8 | (tokens <= kTokensPerBlock ? tokens : kMany);
  }
  void set_stale() { place_ |= kStale; }

 private:
  std::uint32_t place_ = kStale;
};
static_assert(sizeof(ObjectTokens) == 8);

// What only a change of the object asks for.
struct TokenDetails {
  std::uint16_t count = 0;
  std::uint16_t own_blocks = 0;  // blocks of its own; 0 while it shares those of its config
};

struct SharedTokens {
  static constexpr std::uint16_t kNone = 0xFFFF;

  std::uint32_t word = 0;
  std::uint16_t count = kNone;
};

struct TokenCache {
  std::vector<ObjectTokens> objects;
  std::vector<TokenDetails> details;  // as objects
  // Most objects never change (walls): those that look alike share the tokens of the first of their config.
  std::vector<SharedTokens> shared;   // [object configs]
  std::vector<std::uint64_t> words;   // blocks, one after the other, location bytes left 0
  std::vector<TokenBlock> scratch;    // one object's tokens while they are assembled
  std::vector<std::int32_t> offsets;  // [cells of the window, in emission order]: from the observer's cell in the grid
  std::vector<std::uint32_t> written_bytes;  // [agents]: from here on the row is known to hold 0xFF

  std::size_t bytes() const {
    return objects.capacity() * sizeof(ObjectTokens) + details.capacity() * sizeof(TokenDetails) +
           shared.capacity() * sizeof(SharedTokens) + words.capacity() * 8 + scratch.capacity() * sizeof(TokenBlock) +
           offsets.capacity() * 4 + written_bytes.capacity() * 4;
  }
  void clear() {  // of everything that was known about an episode; memory is kept
    objects.clear();
    details.clear();
    shared.clear();
    words.clear();
  }
  void object_added() {
    objects.emplace_back();
    details.emplace_back();
  }
  void object_changed(ObjectIndex object) { objects[object].set_stale(); }
};

}  // namespace metta
