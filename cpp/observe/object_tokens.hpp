// The tokens of one object, in the order of the observation: tags, vibe, inventory, agent group and id.
#pragma once

#include "world/world.hpp"

namespace metta {

// Makes a stale entry of world.tokens.objects current.
void refresh_object_tokens(const Game& game, World& world, ObjectIndex object);

// Those of all agents that changed. Agents change more often than other objects, and each sees itself: found here,
// where no branch asks each of them, they are not found one by one amid the walks over what is seen.
void refresh_agent_tokens(const Game& game, World& world);

// Pieces that the tokens of any object of this game fit into.
std::size_t most_pieces_of_an_object(const Game& game);

}  // namespace metta
