// Mutations: what a handler does once its filters pass.
#pragma once

#include "rules/context.hpp"

namespace metta {

// Applies one mutation. Sets context.mutation_failed where the mutation can fail; effects so far stay.
void apply_mutation(World& world, const Mutation& mutation, Context& context);
// Applies all of them whatever fails (events, AOEs).
void apply_all_mutations(World& world, Range mutations, Context& context);

}  // namespace metta
