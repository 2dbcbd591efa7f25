// One object of a world, as a row of World::objects.
#pragma once

#include <cstdint>

#include "game/types.hpp"

namespace metta {

inline constexpr std::uint32_t kNoInventory = 0xFFFFFFFFU;
inline constexpr std::uint32_t kNoAgent = 0xFFFFFFFFU;

// A quarter of a line of memory, so that none lies in two.
struct alignas(16) Object {
  Location location;
  std::uint32_t inventory = kNoInventory;  // offset in World::inventory_pool; made when first touched
  std::uint32_t agent = kNoAgent;          // row in World::agents
  ObjectConfigId config = 0;
  VibeId vibe = 0;
  ObjectKind kind : 2 = ObjectKind::object;
  bool listed : 1 = true;    // false once removed: no longer in the object list
  bool spawned : 1 = false;  // made during the episode: shows tags and vibe only
};
static_assert(sizeof(Object) == 16);

}  // namespace metta
