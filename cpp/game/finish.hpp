// The last step of compiling a game: everything that follows from its tables.
#pragma once

#include <memory>

#include "game/game.hpp"

namespace metta {

// Fills the observation window, the hash orders of inventories, and the flags that let a step skip whole phases.
// Throws what validate_game throws.
std::shared_ptr<const Game> finish_game(Game game);

}  // namespace metta
