// A game of agents that walk at random in a room of walls and chests, for what needs a whole world.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "episode/construct.hpp"

namespace metta::tests {

inline constexpr std::uint32_t kAgents = 24;
inline constexpr std::uint32_t kEpisodeSteps = 1000;

std::shared_ptr<const Game> walkers(std::uint8_t window, std::uint32_t tokens);
Map room(std::mt19937& random);

struct Rows {
  explicit Rows(std::uint32_t tokens) : observations(std::size_t{kAgents} * tokens * 3) {}
  Buffers buffers() { return {observations.data(), rewards, terminals, truncations, nullptr, nullptr}; }

  std::vector<std::uint8_t> observations;
  float rewards[kAgents] = {};
  bool terminals[kAgents] = {};
  bool truncations[kAgents] = {};
};

// One step of everybody in a random direction, without an observation.
void move_everybody(World& world, std::mt19937& random);

}  // namespace metta::tests
