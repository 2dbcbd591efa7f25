#include "observe/global_tokens.hpp"

#include <algorithm>
#include <cstdlib>

#include "observe/territory_tokens.hpp"

namespace metta {

namespace {

constexpr TokenPiece kGlobalLocations = token_locations(kGlobalLocation);

std::uint8_t completion_of(const Game& game, std::uint32_t step) {
  if (game.max_steps == 0) return 0;
  if (step >= game.max_steps) return 255;
  return static_cast<std::uint8_t>(256U * step / game.max_steps);  // the product wraps at 2^32
}

void write_local_position(const FeatureIds& features, Location spawn, Location now, TokenWriter& writer) {
  const auto write = [&writer](std::uint8_t positive, std::uint8_t negative, int distance) {
    if (distance == 0) return;
    writer.token(kGlobalLocation, distance > 0 ? positive : negative,
                 static_cast<std::uint8_t>(std::min(std::abs(distance), 255)));
  };
  write(features.east, features.west, now.col - spawn.col);
  write(features.north, features.south, spawn.row - now.row);
}

}  // namespace

GlobalTokens::GlobalTokens(const Game& game, std::uint32_t step) {
  const ObservationConfig& observation = game.observation;
  const FeatureIds& features = observation.features;
  const Place completion = add(observation.episode_completion, features.episode_completion);
  action_ = add(observation.last_action, features.last_action);
  moved_ = add(observation.last_action_move, features.last_action_move);
  // Observations come before rewards are paid, so the published engine always shows 0 here.
  add(observation.last_reward, features.last_reward);
  tokens_.words[0] |= completion.low * completion_of(game, step);
  tokens_.words[1] |= completion.high * completion_of(game, step);
}

GlobalTokens::Place GlobalTokens::add(bool shown, std::uint8_t feature) {
  if (!shown) return {};
  const std::uint32_t first_byte = count_++ * kTokenBytes;
  const auto place_of = [](std::uint32_t byte) {
    const std::uint64_t in_word = std::uint64_t{1} << (8 * (byte % 8));
    return byte < 8 ? Place{in_word, 0} : Place{0, in_word};
  };
  const Place at = place_of(first_byte + 1);
  tokens_.words[0] |= at.low * feature;
  tokens_.words[1] |= at.high * feature;
  return place_of(first_byte + 2);
}

void GlobalTokens::write(const Game& game, const World& world, std::uint32_t row, TokenWriter& writer) const {
  const ObservationConfig& observation = game.observation;
  const Agent& agent = world.agents[row];
  const Location now = world.objects[agent.object].location;
  const auto action = static_cast<std::uint8_t>(agent.executed_action);
  const std::uint64_t moved = now != agent.step_start;
  const TokenPiece tokens{{tokens_.words[0] + action_.low * action + moved_.low * moved,
                           tokens_.words[1] + action_.high * action + moved_.high * moved}};
  writer.copy(&tokens, count_, kGlobalLocations);
  if (observation.local_position) write_local_position(observation.features, agent.spawn, now, writer);
  if (observation.territory) {
    writer.token(kGlobalLocation, observation.features.territory_here, territory_label(world, now, agent.object));
  }
}

}  // namespace metta
