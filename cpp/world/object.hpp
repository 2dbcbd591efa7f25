// One object of a world, as a row of World::objects.
#pragma once

#include <cstdint>

#include "game/types.hpp"

namespace metta {

inline constexpr std::uint32_t kNoInventory = 0xFFFFFFFFU;
inline constexpr std::uint32_t kNoAgent = 0xFFFFFFFFU;

struct Object {
  Location location;
  ObjectConfigId config = 0;
  VibeId vibe = 0;
  ObjectKind kind = ObjectKind::object;
  std::uint32_t inventory = kNoInventory;  // offset in World::inventory_pool; made when first touched
  std::uint32_t agent = kNoAgent;          // row in World::agents
  bool listed = true;                      // false once removed: no longer in the object list
  bool spawned = false;                    // made during the episode: shows tags and vibe only
};

}  // namespace metta
