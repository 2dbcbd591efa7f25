// Tag changes with their lifecycle: on_tag_remove handlers run at once, nested inside the change.
#pragma once

#include "rules/context.hpp"

namespace metta {

void add_tag(World& world, ObjectIndex object, TagId tag);
void remove_tag(World& world, ObjectIndex object, TagId tag, const Context& context);
void run_tag_removed_handlers(World& world, ObjectIndex object, TagId tag, const Context& context);
// Materialized queries: at construction, and on demand (`index` into Game::materialized).
void compute_materialized_queries(World& world);
void recompute_materialized_query(World& world, std::int32_t index, const Context& context);

}  // namespace metta
