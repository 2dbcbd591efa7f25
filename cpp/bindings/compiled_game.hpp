// A finished game as Python holds it: immutable, shared by every world that plays it.
#pragma once

#include <memory>

#include "game/game.hpp"

namespace metta::bindings {

struct CompiledGame {
  std::shared_ptr<const Game> game;
};

}  // namespace metta::bindings
