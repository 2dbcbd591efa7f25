// Territory: influence of its sources, the tag that owns a cell, enter, exit and presence handlers.
#pragma once

#include "world/world.hpp"

namespace metta {

void register_territory_controls(World& world, ObjectIndex object);  // at construction only
void territory_source_moved(World& world, ObjectIndex object);
void apply_territories(World& world, std::uint32_t agent);

// Counts every source for the tag it has now. Owners below are as of the last call.
void refresh_territory(World& world);

// The tag that owns the cell in that territory, kAbsent for none or a tie.
inline std::int32_t territory_owner(const World& world, std::size_t cell, std::size_t territory) {
  const auto& owners = world.territory.owners;
  return owners.empty() ? kAbsent : owners[territory * world.grid.size() + cell];
}

// What observations show: the owner in the first territory that has one.
inline std::int32_t observed_owner(const World& world, std::size_t cell) {
  for (std::size_t territory = 0; territory < world.game->territories.size(); ++territory) {
    const std::int32_t owner = territory_owner(world, cell, territory);
    if (owner != kAbsent) return owner;
  }
  return kAbsent;
}

}  // namespace metta
