// Where the areas of effect of one world are, and which agents are inside.
#pragma once

#include <cstdint>
#include <vector>

#include "game/game.hpp"
#include "world/agent_places.hpp"
#include "world/deferred_deltas.hpp"

namespace metta {

struct AoeSource {
  ObjectIndex object = kNoObject;
  bool active = true;  // false once the object is removed
  const AoeConfig* config = nullptr;  // the game's, which outlives the world's episode
};

struct AoeState {
  // Static areas, in registration order; bit i below is fixed[i].
  std::vector<AoeSource> fixed;
  std::uint32_t fixed_words = 0;           // 64-bit words that one bit an area takes
  std::vector<std::uint64_t> covering;     // [cells, fixed_words]: areas that cover a cell
  std::vector<std::uint64_t> inside_fixed;  // [agents, fixed_words]: areas that an agent is inside

  std::vector<AoeSource> mobile;
  bool mobile_removed = false;  // some of them are inactive
  std::uint32_t agent_words = 0;
  std::vector<std::uint64_t> inside_mobile;  // [mobile, agent_words]: agents inside an area

  AgentPlaces places;                        // while mobile areas are applied

  std::vector<ObjectIndex> queued;  // spawned since the last flush
  DeferredDeltas deferred;          // of the agent whose fixed areas are being applied

  void clear() {  // memory is kept
    fixed.clear();
    fixed_words = 0;
    covering.clear();
    inside_fixed.clear();
    mobile.clear();
    mobile_removed = false;
    agent_words = 0;
    inside_mobile.clear();
    queued.clear();
  }
};

}  // namespace metta
