// What the encoder keeps between steps about one world: the tokens of every object, ready to be copied, and how much of
// each agent's row it has written. The world calls object_added and object_changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "game/observation_tables.hpp"
#include "game/types.hpp"

namespace metta {

// Tokens of one object: tags, vibe, inventory and, for an agent, group and id.
struct ObjectTokens {
  static constexpr std::uint16_t kStale = 0xFFFF;

  std::uint32_t block = 0;         // its first block in TokenCache::blocks
  std::uint32_t last_seen = 0;     // step at which an observation last showed the object (`cell.visited`)
  std::uint16_t count = kStale;    // tokens; kStale = changed since the encoder last looked
  std::uint16_t own_blocks = 0;    // blocks of its own; 0 while it shares those of its config
};

struct SharedTokens {
  std::uint32_t block = 0;
  std::uint16_t count = ObjectTokens::kStale;
};

struct TokenCache {
  std::vector<ObjectTokens> objects;
  // Most objects never change (walls): those that look alike share the tokens of the first of their config.
  std::vector<SharedTokens> shared;   // [object configs]
  std::vector<TokenBlock> blocks;     // location bytes left 0
  std::vector<TokenBlock> scratch;    // one object's tokens while they are assembled
  std::vector<std::int32_t> offsets;  // [cells of the window, in emission order]: from the observer's cell in the grid
  std::vector<std::uint32_t> written_bytes;  // [agents]: from here on the row is known to hold 0xFF

  std::size_t bytes() const {
    return objects.capacity() * sizeof(ObjectTokens) + shared.capacity() * sizeof(SharedTokens) +
           (blocks.capacity() + scratch.capacity()) * sizeof(TokenBlock) + offsets.capacity() * 4 +
           written_bytes.capacity() * 4;
  }
  void clear() {  // of everything that was known about an episode; memory is kept
    objects.clear();
    shared.clear();
    blocks.clear();
  }
  void object_added() { objects.emplace_back(); }
  void object_changed(ObjectIndex object) { objects[object].count = ObjectTokens::kStale; }
};

}  // namespace metta
