// Territory: influence of its sources, the tag that owns a cell, enter, exit and presence handlers.
#pragma once

#include "world/world.hpp"

namespace metta {

void register_territory_controls(World& world, ObjectIndex object);  // at construction only
void territory_source_moved(World& world, ObjectIndex object, Location from);
void apply_territories(World& world, std::uint32_t agent);
// The tag that owns the cell in that territory, kAbsent for none or a tie.
std::int32_t territory_owner(const World& world, Location at, std::size_t territory);

}  // namespace metta
