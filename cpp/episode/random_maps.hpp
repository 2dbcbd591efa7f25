// Maps of the published builders that only scatter things over rooms, made from seeds without the interpreter.
//
// Which builders these are, and what their records hold, is for metta_puffer/engine/random_maps.py to say.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "episode/construct.hpp"
#include "game/game.hpp"

namespace metta {

// What the maps of one game have in common.
struct RandomMaps {
  Map frame;  // all that stands outside the rooms; these are empty
  std::uint16_t room_height = 0;
  std::uint16_t room_width = 0;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> corners;  // (row, col) of each room's first cell
  std::vector<CellKindId> things;              // what every room holds; a stand-in for each agent of a team
  std::vector<std::vector<CellKindId>> teams;  // kinds of their agents, in the order in which they take its cells
  bool first_room_is_early = false;  // drawn by the map's own generator, the other rooms by its children
  bool places_are_shuffled = false;  // else things stand in the order into which they were shuffled, row by row
};

// Stands for the cells of a team until its agents take them.
constexpr int stand_in(std::size_t team) { return kEmptyCell - 1 - static_cast<int>(team); }

// Throws std::invalid_argument naming the field that is out of range.
void check_random_maps(const RandomMaps& maps, const Game& game);

// Memory that making a map needs and leaves to the next.
struct MapScratch {
  Map map;
  std::vector<CellKindId> things;
  std::vector<std::uint32_t> places;
  std::vector<std::size_t> named;  // by team
};

// The map of a seed. It stands in `scratch`, until the next one is made there.
const Map& make_map(const RandomMaps& maps, std::uint64_t seed, MapScratch& scratch);

}  // namespace metta
