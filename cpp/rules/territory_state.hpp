// Who influences which cells, and in whose territory each agent last stood.
#pragma once

#include <cstdint>
#include <vector>

#include "game/types.hpp"

namespace metta {

struct TerritorySource {
  ObjectIndex object = kNoObject;
  std::uint16_t control = 0;  // index into the object config's territory_controls
  Location at;                // registered place; follows the object
};

struct TerritoryState {
  std::vector<TerritorySource> sources;
  std::vector<std::int16_t> agent_owner;  // [agents, territories]: owner tag of the agent's cell, kAbsent for none
};

}  // namespace metta
