// Who influences which cells, who owns them, and in whose territory each agent last stood.
#pragma once

#include <cstdint>
#include <vector>

#include "game/types.hpp"
#include "world/map_bits.hpp"
#include "world/object.hpp"

namespace metta {

struct TerritorySource {
  ObjectIndex object = kNoObject;
  std::uint16_t control = 0;     // index into the object config's territory_controls
  Location at;                   // registered place; follows the object
  std::int16_t counted_for = kAbsent;  // tag its influence is counted for, kAbsent = for none
};

struct TerritoryState {
  std::vector<TerritorySource> sources;
  // Kept up to date with the sources; empty while a game has none.
  std::vector<std::uint32_t> first_score;  // [territories]: where a territory's tags begin in `scores`
  std::vector<std::int64_t> scores;        // [tags of every territory, cells]: summed influence
  std::vector<std::int16_t> owners;        // [territories, cells]: owner tag, kAbsent for none or a tie
  MapBits borders;      // bitmap over the map: bit = a neighbour has another owner
  bool tags_changed = false;               // some object's tags changed since the influence was counted
  bool borders_stale = true;

  std::vector<std::int16_t> agent_owner;  // [agents, territories]: owner tag of the agent's cell, kAbsent for none
  std::vector<Object> proxies;            // [territories]: what each territory's acting cell object is and holds

  void clear() {  // memory is kept
    sources.clear();
    first_score.clear();
    scores.clear();
    owners.clear();
    borders.clear();
    tags_changed = false;
    borders_stale = true;
    agent_owner.clear();
    proxies.clear();
  }
};

}  // namespace metta
