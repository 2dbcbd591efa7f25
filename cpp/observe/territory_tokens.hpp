// What observations show of territory: whose the agent's cell is, and where the owner changes.
#pragma once

#include "observe/token_writer.hpp"
#include "world/world.hpp"

namespace metta {

// 0 nobody's, 1 owned by a tag that the observer has, 2 by another.
std::uint8_t territory_label(const World& world, Location at, ObjectIndex observer);

// Brings ownership, and the bitmap of cells that differ from a neighbour, up to date.
void refresh_territory_borders(World& world);

// Tokens of one visible cell: north, south, east, west, where the neighbour is in the window and has another owner.
void write_territory_borders(const Game& game, const World& world, ObjectIndex observer, std::size_t clamp,
                             const WindowCell& cell, TokenWriter& writer);

}  // namespace metta
