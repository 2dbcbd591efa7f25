// The check that no index in the tables of a compiled game points outside, and no size is one that the engine cannot run.
#pragma once

#include "game/game.hpp"

namespace metta {

// Throws std::invalid_argument naming the table and the entry that is out of range.
void validate_game(const Game& game);

}  // namespace metta
