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

// Who has a tag at this moment, kept on the world's query stack while it lives.
class Members {
 public:
  Members(World& world, TagId tag)
      : world_(world), first_(world.query_stack.size()), count_(world.tag_lists[tag].size()) {
    const std::vector<ObjectIndex>& list = world.tag_lists[tag];
    world.query_stack.insert(world.query_stack.end(), list.begin(), list.end());
  }
  ~Members() { world_.query_stack.resize(first_); }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  std::size_t size() const { return count_; }
  ObjectIndex operator[](std::size_t i) const { return world_.query_stack[first_ + i]; }

 private:
  World& world_;
  std::size_t first_;
  std::size_t count_;
};

// Takes the tag from all that have it and gives it to the query's results, without handlers.
void rewrite_membership(World& world, const MaterializedQuery& query, const Members& before, const Context& context) {
  for (std::size_t i = 0; i < before.size(); ++i) world.strip_tag(before[i], query.tag);
  const QueryResult found(world, query.query, context);
  for (std::size_t i = 0; i < found.size(); ++i) world.give_tag(found[i], query.tag);
}

}  // namespace

void compute_materialized_queries(World& world) {
  for (const MaterializedQuery& query : world.game->materialized) {
    rewrite_membership(world, query, Members(world, query.tag), Context{});
  }
}

void recompute_materialized_query(World& world, std::int32_t index, const Context& context) {
  const MaterializedQuery& query = world.game->materialized[index];
  const Members before(world, query.tag);
  rewrite_membership(world, query, before, context);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (!world.has_tag(before[i], query.tag)) run_tag_removed_handlers(world, before[i], query.tag, context);
  }
}

}  // namespace metta
