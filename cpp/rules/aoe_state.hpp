// Where the areas of effect of one world are, and which agents are inside.
#pragma once

#include <cstdint>
#include <vector>

#include "game/types.hpp"

namespace metta {

struct AoeSource {
  ObjectIndex object = kNoObject;
  std::uint16_t aoe = 0;             // index into the object config's aoes
  Location origin;                   // static areas stay where they were registered
  bool active = true;                // false once the object is removed
  std::vector<std::uint64_t> inside;  // bit an agent
};

struct AoeState {
  std::vector<AoeSource> fixed;
  std::vector<AoeSource> mobile;
  std::vector<ObjectIndex> queued;  // spawned since the last flush
};

}  // namespace metta
