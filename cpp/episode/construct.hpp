// The beginning of an episode: objects from the map, materialized queries, first observations.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "world/world.hpp"

namespace metta {

// A compiled map: cell kinds row by row, kEmptyCell where nothing stands.
struct Map {
  std::uint16_t height = 0;
  std::uint16_t width = 0;
  std::vector<CellKindId> cells;
};

// Starts an episode in `world`, reusing its memory. Does not encode observations: call attach_buffers next.
void construct_world(World& world, std::shared_ptr<const Game> game, const Map& map, std::uint32_t seed);

// What the published engine's set_buffers does: zeroes rewards and flags, restarts coverage, encodes the first
// observations into the buffers. Every call counts its tokens, and draws the random numbers its values draw.
void attach_buffers(World& world, const Buffers& buffers);

}  // namespace metta
