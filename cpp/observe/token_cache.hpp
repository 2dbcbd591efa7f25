// What the encoder keeps between steps about the objects of one world, and the two calls by which the world tells it
// that something it keeps is stale.
#pragma once

#include <cstdint>
#include <vector>

#include "game/types.hpp"

namespace metta {

struct TokenCache {
  // [objects] 1 = tags, vibe or inventory changed since the encoder last looked.
  std::vector<std::uint8_t> stale;

  void object_added() { stale.push_back(1); }
  void object_changed(ObjectIndex object) { stale[object] = 1; }
};

}  // namespace metta
