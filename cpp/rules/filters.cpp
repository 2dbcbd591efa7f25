#include "rules/filters.hpp"

#include "rules/queries.hpp"
#include "rules/values.hpp"

namespace metta {

namespace {

// Squared Euclidean distance against the squared radius, inclusive.
bool within(const World& world, ObjectIndex a, ObjectIndex b, std::uint32_t radius) {
  const Location from = world.objects[a].location;
  const Location to = world.objects[b].location;
  const std::int64_t rows = std::int64_t{from.row} - to.row;
  const std::int64_t cols = std::int64_t{from.col} - to.col;
  return rows * rows + cols * cols <= std::int64_t{radius} * radius;
}

bool near_actor(const World& world, const Filter& filter, const Context& context) {
  const ObjectIndex entity = context.entity(filter.entity);
  const ObjectIndex reference = context.frontier != kNoObject ? context.frontier : context.actor;
  if (entity == kNoObject || reference == kNoObject) return false;
  return filter.radius == 0 || within(world, reference, entity, filter.radius);
}

bool near_query(World& world, const Filter& filter, const Context& context) {
  const ObjectIndex entity = context.entity(filter.entity);
  if (entity == kNoObject) return false;  // and the query, which may draw random numbers, is not evaluated
  const QueryResult found(world, filter.query, context);
  if (filter.radius == 0) return found.size() > 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (within(world, found[i], entity, filter.radius)) return true;
  }
  return false;
}

bool share_tag(const World& world, const TagSet& set, ObjectIndex a, ObjectIndex b) {
  if (a == kNoObject || b == kNoObject) return false;
  const std::uint64_t* tags_a = world.tags_of(a);
  const std::uint64_t* tags_b = world.tags_of(b);
  for (std::uint32_t i = 0; i < world.game->tag_words; ++i) {
    if (tags_a[i] & tags_b[i] & set[i]) return true;
  }
  return false;
}

}  // namespace

bool filter_passes(World& world, const Filter& filter, const Context& context) {
  const Game& game = *world.game;
  const ObjectIndex entity = context.entity(filter.entity);
  switch (filter.kind) {
    case FilterKind::vibe:
      return entity != kNoObject && world.objects[entity].vibe == filter.vibe;
    case FilterKind::resource:
      return entity != kNoObject && world.amount(entity, filter.resource) >= filter.amount;
    case FilterKind::any_tag:
      return entity != kNoObject && world.has_any_tag(entity, game.tag_sets[filter.tag_set]);
    case FilterKind::shared_tag:
      return share_tag(world, game.tag_sets[filter.tag_set], context.actor, context.target);
    case FilterKind::game_value: {
      const float value = resolve_value(world, filter.value, context, entity);
      return value >= resolve_value(world, filter.threshold, context, entity);
    }
    case FilterKind::distance_to_actor:
      return near_actor(world, filter, context);
    case FilterKind::distance_to_query:
      return near_query(world, filter, context);
    case FilterKind::target_loc_empty:
      return context.target == kNoObject;
    case FilterKind::target_is_usable:
      return context.target != kNoObject;
    case FilterKind::periodic:
      return world.rule_time >= filter.start_on && (world.rule_time - filter.start_on) % filter.period == 0;
    case FilterKind::negation:
      return !all_pass(world, filter.inner, context);
    case FilterKind::any_of:
      return any_passes(world, filter.inner, context);
  }
  return false;
}

bool all_pass(World& world, Range filters, const Context& context) {
  for (std::uint32_t i = 0; i < filters.count; ++i) {
    if (!filter_passes(world, world.game->filters[filters.first + i], context)) return false;
  }
  return true;
}

bool any_passes(World& world, Range filters, const Context& context) {
  for (std::uint32_t i = 0; i < filters.count; ++i) {
    if (filter_passes(world, world.game->filters[filters.first + i], context)) return true;
  }
  return false;
}

}  // namespace metta
