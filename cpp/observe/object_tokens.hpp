// The tokens of one object, in the order of the observation: tags, vibe, inventory, agent group and id.
#pragma once

#include "world/world.hpp"

namespace metta {

// Makes a stale entry of world.tokens.objects current.
void refresh_object_tokens(const Game& game, World& world, ObjectIndex object);

// An object as it was added, before rules change it, looks like all others of its config (agents have ids). Known from the
// start, what is seen for the first time need not be looked up, in memory that nobody has asked for.
void share_object_tokens(const Game& game, World& world, ObjectIndex index);

// Those of all agents that changed. Agents change more often than other objects, and each sees itself: found here,
// where no branch asks each of them, they are not found one by one amid the walks over what is seen.
void refresh_agent_tokens(const Game& game, World& world);

// Pieces that the tokens of any object of this game fit into.
std::size_t most_pieces_of_an_object(const Game& game);

}  // namespace metta
