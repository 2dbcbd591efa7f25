// What the encoder keeps between steps about one world: the tokens of every object, ready to be copied, and how much of
// each agent's row it has written. The world calls object_added and object_changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "game/types.hpp"

namespace metta {

// Eight tokens of three bytes with their location bytes left 0.
inline constexpr std::uint32_t kTokensPerBlock = 8;
inline constexpr std::uint32_t kWordsPerBlock = 3;
inline constexpr std::uint32_t kBlockBytes = 24;

// Tokens of one object: tags, vibe, inventory and, for an agent, group and id.
struct ObjectTokens {
  static constexpr std::uint16_t kStale = 0xFFFF;

  std::uint32_t block = 0;         // its first block in TokenCache::words
  std::uint32_t last_seen = 0;     // step at which an observation last showed the object (`cell.visited`)
  std::uint16_t count = kStale;    // tokens; kStale = changed since the encoder last looked
  std::uint16_t own_blocks = 0;    // blocks of its own; 0 while it shares those of its config
};

struct SharedTokens {
  std::uint32_t block = 0;
  std::uint16_t count = ObjectTokens::kStale;
};

// A cell of the window on this world's map: how far its index is from the observer's, and its location byte.
class NearbyCell {
 public:
  NearbyCell(int offset, std::uint8_t location) : packed_(offset * 256 + location) {}
  std::ptrdiff_t offset() const { return packed_ >> 8; }
  std::uint8_t location() const { return static_cast<std::uint8_t>(packed_); }

 private:
  std::int32_t packed_;
};

struct TokenCache {
  std::vector<ObjectTokens> objects;
  // Most objects never change (walls): those that look alike share the tokens of the first of their config.
  std::vector<SharedTokens> shared;   // [object configs]
  std::vector<std::uint64_t> words;   // blocks
  std::vector<std::uint64_t> scratch;  // one object's tokens while they are assembled
  std::vector<NearbyCell> nearby;            // [cells of the window], in emission order
  std::vector<std::uint32_t> written_bytes;  // [agents]: from here on the row is known to hold 0xFF

  std::uint64_t* first_word(std::uint32_t block) { return words.data() + std::size_t{block} * kWordsPerBlock; }

  void object_added() { objects.emplace_back(); }
  void object_changed(ObjectIndex object) { objects[object].count = ObjectTokens::kStale; }
};

}  // namespace metta
