// The last step of compiling a game: everything that follows from the tables, and the check that no index in them
// points outside.
#pragma once

#include <memory>

#include "game/game.hpp"

namespace metta {

// Fills the observation window, the hash orders of inventories, and the flags that let a step skip whole phases.
// Throws std::invalid_argument naming the table and the entry that is out of range.
std::shared_ptr<const Game> finish_game(Game game);

}  // namespace metta
