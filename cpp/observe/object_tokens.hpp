// The tokens of one object, in the order of the observation: tags, vibe, inventory, agent group and id.
#pragma once

#include "world/world.hpp"

namespace metta {

// Makes a stale entry of world.tokens.objects current.
void refresh_object_tokens(const Game& game, World& world, ObjectIndex object);

// Pieces that the tokens of any object of this game fit into.
std::size_t most_pieces_of_an_object(const Game& game);

}  // namespace metta
