// Mutations: what a handler does once its filters pass.
#pragma once

#include "rules/context.hpp"

namespace metta {

// Applies one mutation. Sets context.mutation_failed where the mutation can fail; effects so far stay.
void apply_mutation(World& world, const Mutation& mutation, Context& context);
// Applies all of them whatever fails (events, AOEs).
void apply_all_mutations(World& world, Range mutations, Context& context);

// Runs the target's on_use with a copy of the context, then the agent's on_after_use with this one: a mutation that
// fails in on_after_use makes the whole use a failure although its effects stay.
void use_target(World& world, Context& context);

}  // namespace metta
