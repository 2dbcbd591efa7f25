// The check that no index in the tables of a compiled game points outside, and that the engine can run its sizes.
#pragma once

#include "game/game.hpp"

namespace metta {

// Throws std::invalid_argument naming the table and the entry that is out of range.
void validate_game(const Game& game);

}  // namespace metta
