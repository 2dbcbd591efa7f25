#include "rules/queries.hpp"

#include <algorithm>

#include "game/numbers.hpp"
#include "rules/filters.hpp"
#include "rules/values.hpp"

namespace metta {

namespace {

void evaluate(World& world, QueryId id, const Context& context);

// One bit an object, on the world's mark stack: queries nest, and each has its own set of objects already seen.
class SeenSet {
 public:
  explicit SeenSet(World& world) : world_(world), first_(world.mark_stack.size()) {
    world.mark_stack.resize(first_ + (world.objects.size() + 63) / 64, 0);
  }
  ~SeenSet() { world_.mark_stack.resize(first_); }
  SeenSet(const SeenSet&) = delete;
  SeenSet& operator=(const SeenSet&) = delete;

  bool has(ObjectIndex object) const { return (word(object) >> (object % 64)) & 1U; }
  bool add(ObjectIndex object) {  // false if it was there
    if (has(object)) return false;
    word(object) |= std::uint64_t{1} << (object % 64);
    return true;
  }

 private:
  std::uint64_t& word(ObjectIndex object) const { return world_.mark_stack[first_ + object / 64]; }
  World& world_;
  std::size_t first_;
};

// Keeps those of stack[first..] whose filters pass, in order.
void keep_passing(World& world, Range filters, const Context& context, std::size_t first) {
  if (filters.empty()) return;
  const std::size_t end = world.query_stack.size();
  std::size_t kept = first;
  for (std::size_t i = first; i < end; ++i) {
    const ObjectIndex object = world.query_stack[i];
    if (all_pass(world, filters, context.with_target(object))) world.query_stack[kept++] = object;
  }
  world.query_stack.resize(kept);
}

void cut(World& world, const Query& query, const Context& context, std::size_t first) {
  if (query.max_items == kAbsent) return;
  const std::int32_t most = truncate_to_int(resolve_value(world, query.max_items, context, context.actor));
  if (most < 0) return;
  const std::size_t found = world.query_stack.size() - first;
  world.query_stack.resize(first + std::min(found, static_cast<std::size_t>(most)));
}

void order_and_cut(World& world, const Query& query, const Context& context, std::size_t first) {
  if (query.random_order) world.random.shuffle(world.query_stack.data() + first, world.query_stack.size() - first);
  cut(world, query, context, first);
}

void evaluate_tag(World& world, const Query& query, const Context& context, std::size_t first) {
  const std::vector<ObjectIndex>& tagged = world.tag_lists[query.tag];  // filters change no tags
  if (query.filters.empty()) {
    world.query_stack.insert(world.query_stack.end(), tagged.begin(), tagged.end());
  } else {
    Context about = context;
    for (const ObjectIndex object : tagged) {
      about.target = object;
      if (all_pass(world, query.filters, about)) world.query_stack.push_back(object);
    }
  }
  order_and_cut(world, query, context, first);
}

// Breadth first from the roots. The stack holds roots, then candidates, then the result, which moves down at the end.
void evaluate_closure(World& world, const Query& query, const Context& context, std::size_t first) {
  evaluate(world, query.source, context);
  const std::size_t candidates = world.query_stack.size();
  evaluate(world, query.candidates, context);
  const std::size_t result = world.query_stack.size();
  {
    SeenSet visited(world);
    for (std::size_t i = first; i < candidates; ++i) {
      const ObjectIndex root = world.query_stack[i];
      if (visited.add(root)) world.query_stack.push_back(root);
    }
    Context about = context;
    for (std::size_t next = result; next < world.query_stack.size(); ++next) {
      about.frontier = world.query_stack[next];
      for (std::size_t i = candidates; i < result; ++i) {
        about.target = world.query_stack[i];
        if (visited.has(about.target) || !all_pass(world, query.edge_filters, about)) continue;
        visited.add(about.target);
        world.query_stack.push_back(about.target);
      }
    }
  }
  world.query_stack.erase(world.query_stack.begin() + static_cast<std::ptrdiff_t>(first),
                          world.query_stack.begin() + static_cast<std::ptrdiff_t>(result));
  keep_passing(world, query.filters, context, first);
  order_and_cut(world, query, context, first);
}

void cast_ray(World& world, const Query& query, const Context& context, Location from, Direction direction,
              std::int32_t range, SeenSet& seen) {
  for (std::int32_t distance = 1; distance <= range; ++distance) {
    const auto at = offset_location(world, from, direction, distance);
    if (!at) return;
    const ObjectIndex object = world.object_at(*at);
    if (object == kNoObject) continue;
    const bool blocked = any_passes(world, query.blockers, context.with_target(object));
    if (blocked && !query.include_blocker) return;
    if (seen.add(object)) world.query_stack.push_back(object);
    if (blocked) return;
  }
}

void evaluate_raycast(World& world, const Query& query, const Context& context, std::size_t first) {
  evaluate(world, query.source, context);
  const std::size_t result = world.query_stack.size();
  {
    SeenSet seen(world);
    for (std::size_t i = first; i < result; ++i) {
      const ObjectIndex source = world.query_stack[i];
      const std::int32_t range =
          truncate_to_int(resolve_value(world, query.max_range, context.with_target(source), source));
      for (std::uint32_t d = 0; d < query.directions.count; ++d) {
        cast_ray(world, query, context, world.objects[source].location,
                 world.game->directions[query.directions.first + d], range, seen);
      }
    }
  }
  world.query_stack.erase(world.query_stack.begin() + static_cast<std::ptrdiff_t>(first),
                          world.query_stack.begin() + static_cast<std::ptrdiff_t>(result));
  cut(world, query, context, first);
}

// Pushes the results on the world's query stack.
void evaluate(World& world, QueryId id, const Context& context) {
  const Query& query = world.game->queries[id];
  const std::size_t first = world.query_stack.size();
  switch (query.kind) {
    case QueryKind::tag:
      evaluate_tag(world, query, context, first);
      break;
    case QueryKind::filtered:
      evaluate(world, query.source, context);
      keep_passing(world, query.filters, context, first);
      order_and_cut(world, query, context, first);
      break;
    case QueryKind::closure:
      evaluate_closure(world, query, context, first);
      break;
    case QueryKind::raycast:
      evaluate_raycast(world, query, context, first);
      break;
  }
}

}  // namespace

QueryResult::QueryResult(World& world, QueryId query, const Context& context)
    : world_(world), first_(world.query_stack.size()) {
  evaluate(world, query, context);
  count_ = world.query_stack.size() - first_;
}

}  // namespace metta
