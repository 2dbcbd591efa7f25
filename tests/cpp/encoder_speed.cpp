#include "encoder_speed.hpp"

#include <ctime>
#include <iostream>
#include <memory>
#include <random>

#include "observe/encoder.hpp"
#include "walkers.hpp"

namespace metta::tests {

namespace {

struct Measured {
  double nanoseconds;  // of processor time, for one agent in one env step
  double tokens;       // that an observation holds
};

Measured play(World& world, const std::shared_ptr<const Game>& game, const Map& map, Rows& rows, unsigned seed,
              bool encoding) {
  std::mt19937 random(seed);
  construct_world(world, game, map, seed);
  attach_buffers(world, rows.buffers());
  const std::clock_t start = std::clock();
  while (world.step < kEpisodeSteps) {
    move_everybody(world, random);
    if (encoding) encode_observations(*game, world);
  }
  const double nanoseconds = 1e9 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  const double written = world.game_stats.value(0, game->game_stats.tokens_written);
  return {nanoseconds / (kEpisodeSteps * kAgents), written / ((kEpisodeSteps + 1) * kAgents)};
}

}  // namespace

void print_encoder_speed(std::uint8_t window, std::uint32_t tokens, unsigned episodes) {
  std::mt19937 random(1);
  const std::shared_ptr<const Game> game = walkers(window, tokens);
  const Map map = room(random);
  Rows rows(tokens);
  World world;
  for (unsigned episode = 0; episode < episodes; ++episode) {
    const Measured walking = play(world, game, map, rows, episode, false);
    const Measured both = play(world, game, map, rows, episode, true);
    std::cout << both.nanoseconds - walking.nanoseconds << " " << both.tokens << "\n";
  }
}

}  // namespace metta::tests
