// A finished game as Python holds it: immutable, shared by every world that plays it.
#pragma once

#include <memory>

#include "episode/construct.hpp"
#include "episode/random_maps.hpp"
#include "game/game.hpp"

namespace metta::bindings {

struct CompiledGame {
  std::shared_ptr<const Game> game;
};

// A compiled map, shared by the episodes that begin on it.
struct CompiledMap {
  std::shared_ptr<const Game> game;  // whose cell kinds it holds
  std::shared_ptr<const Map> map;
};

// What makes a game's maps from seeds: checked, and shared by the batches that use it.
struct MapMaker {
  std::shared_ptr<const Game> game;  // whose cell kinds they hold
  std::shared_ptr<const RandomMaps> maps;
};

}  // namespace metta::bindings
