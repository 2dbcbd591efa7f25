#include "rules/tags.hpp"

#include "rules/handlers.hpp"
#include "rules/queries.hpp"

namespace metta {

void add_tag(World& world, ObjectIndex object, TagId tag) { world.give_tag(object, tag); }

void remove_tag(World& world, ObjectIndex object, TagId tag, const Context& context) {
  if (world.strip_tag(object, tag)) run_tag_removed_handlers(world, object, tag, context);
}

void run_tag_removed_handlers(World& world, ObjectIndex object, TagId tag, const Context& context) {
  for (const TagHandler& entry : world.config_of(object).on_tag_remove) {
    if (entry.tag != tag) continue;
    Context about = context;
    about.actor = about.target = object;
    try_handler(world, entry.handler, about);
  }
}

namespace {

// Takes the tag from all that have it and gives it to the query's results, without handlers. Returns who had it.
std::vector<ObjectIndex> rewrite_membership(World& world, const MaterializedQuery& query, const Context& context) {
  const std::vector<ObjectIndex> before = world.tag_lists[query.tag];
  for (const ObjectIndex object : before) world.strip_tag(object, query.tag);
  const QueryResult found(world, query.query, context);
  for (std::size_t i = 0; i < found.size(); ++i) world.give_tag(found[i], query.tag);
  return before;
}

}  // namespace

void compute_materialized_queries(World& world) {
  for (const MaterializedQuery& query : world.game->materialized) rewrite_membership(world, query, Context{});
}

void recompute_materialized_query(World& world, std::int32_t index, const Context& context) {
  const MaterializedQuery& query = world.game->materialized[index];
  for (const ObjectIndex object : rewrite_membership(world, query, context)) {
    if (!world.has_tag(object, query.tag)) run_tag_removed_handlers(world, object, query.tag, context);
  }
}

}  // namespace metta
