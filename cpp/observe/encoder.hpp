// The token encoder: writes [agents, tokens, 3] bytes of (location, feature, value).
#pragma once

#include "game/game.hpp"
#include "world/world.hpp"

namespace metta {

// Encodes every agent's observation of the world's present state into world.buffers.observations, agents in order.
// Unused slots are 0xFF. Counts tokens_written and tokens_free_space, credits `cell.visited`, resolves the game values
// that observations show (which may draw random numbers). Throws WorldError when an agent's tokens exceed the budget.
// `next_world`: the world that will step next, whose memory is asked for meanwhile.
void encode_observations(const Game& game, World& world, const World* next_world = nullptr);

// The buffer may hold anything (new world, other buffers): nothing written earlier may be relied on.
void forget_written_observations(World& world);

}  // namespace metta
