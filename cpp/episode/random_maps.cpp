#include "episode/random_maps.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

#include "episode/numpy_random.hpp"

namespace metta {

namespace {

std::size_t room_cells(const RandomMaps& maps) { return std::size_t{maps.room_height} * maps.room_width; }

void require(bool good, const char* field) {
  if (!good) throw std::invalid_argument(std::string("random_maps.") + field + " is out of range");
}

// A child's numbers do not depend on what its parent has drawn.
NumpyRandom generator_of(const RandomMaps& maps, std::uint64_t seed, std::size_t room) {
  const bool own = maps.corners.size() == 1 || (room == 0 && maps.first_room_is_early);
  return own ? NumpyRandom(seed) : NumpyRandom(seed, static_cast<std::uint32_t>(room));
}

void fill_room(const RandomMaps& maps, std::size_t room, NumpyRandom random, MapScratch& scratch) {
  scratch.things = maps.things;
  random.shuffle(scratch.things.data(), scratch.things.size());
  scratch.places.resize(room_cells(maps));
  std::iota(scratch.places.begin(), scratch.places.end(), 0U);
  if (maps.places_are_shuffled) random.shuffle(scratch.places.data(), scratch.places.size());
  const auto [top, left] = maps.corners[room];
  for (std::size_t i = 0; i < scratch.things.size(); ++i) {
    const std::uint32_t row = top + scratch.places[i] / maps.room_width;
    const std::uint32_t col = left + scratch.places[i] % maps.room_width;
    scratch.map.cells[std::size_t{row} * scratch.map.width + col] = scratch.things[i];
  }
}

void name_agents(const RandomMaps& maps, MapScratch& scratch) {
  scratch.named.assign(maps.teams.size(), 0);
  for (CellKindId& cell : scratch.map.cells) {
    if (cell >= kEmptyCell) continue;
    const auto team = static_cast<std::size_t>(stand_in(0) - cell);
    cell = maps.teams[team][scratch.named[team]++];
  }
}

}  // namespace

void check_random_maps(const RandomMaps& maps, const Game& game) {
  const auto is_kind = [&](CellKindId kind) {
    return kind >= kEmptyCell && kind < static_cast<std::int64_t>(game.cell_kinds.size());
  };
  require(maps.room_height > 0 && maps.room_height <= maps.frame.height, "room_height");
  require(maps.room_width > 0 && maps.room_width <= maps.frame.width, "room_width");
  require(!maps.corners.empty(), "corners");
  for (const auto& [top, left] : maps.corners) {
    require(top + maps.room_height <= maps.frame.height && left + maps.room_width <= maps.frame.width, "corners");
  }
  for (const auto& members : maps.teams) require(std::all_of(members.begin(), members.end(), is_kind), "teams");
  require(maps.things.size() <= room_cells(maps), "things");
  std::vector<std::size_t> cells_of(maps.teams.size());
  for (const CellKindId thing : maps.things) {
    if (is_kind(thing)) continue;
    require(thing < kEmptyCell && thing > stand_in(maps.teams.size()), "things");
    cells_of[static_cast<std::size_t>(stand_in(0) - thing)] += maps.corners.size();
  }
  for (std::size_t team = 0; team < maps.teams.size(); ++team) {
    require(cells_of[team] <= maps.teams[team].size(), "teams");
  }
}

const Map& make_map(const RandomMaps& maps, std::uint64_t seed, MapScratch& scratch) {
  scratch.map = maps.frame;
  for (std::size_t room = 0; room < maps.corners.size(); ++room) {
    fill_room(maps, room, generator_of(maps, seed, room), scratch);
  }
  name_agents(maps, scratch);
  return scratch.map;
}

}  // namespace metta
