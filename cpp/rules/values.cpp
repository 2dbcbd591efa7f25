#include "rules/values.hpp"

#include <cmath>
#include <limits>

#include "game/numbers.hpp"
#include "rules/inventory.hpp"
#include "rules/queries.hpp"

namespace metta {

namespace {

float read_inventory(World& world, const Value& value, const Context& context) {
  if (context.actor != kNoObject) return static_cast<float>(world.amount(context.actor, value.resource));
  return value.scope == Scope::game ? world.game_stats.get(0, value.stat) : 0.0F;
}

std::size_t slot_of(const Value& value, const StatTable& stats, std::size_t row) {
  return value.kind == ValueKind::oldest_stat ? stats.oldest(row) : static_cast<std::size_t>(value.stat);
}

float read_stat(World& world, const Value& value, const Context& context) {
  if (value.scope == Scope::game) return world.game_stats.get(0, slot_of(value, world.game_stats, 0));
  if (context.actor == kNoObject || !world.is_agent(context.actor)) return 0.0F;
  const std::uint32_t row = world.objects[context.actor].agent;
  return world.agent_stats.get(row, slot_of(value, world.agent_stats, row));
}

float resolve(World& world, ValueId id, const Context& context);

float sum_terms(World& world, const Value& value, const Context& context) {
  float total = 0.0F;
  for (std::uint32_t i = 0; i < value.terms.count; ++i) {
    const ValueTerm& term = world.game->value_terms[value.terms.first + i];
    float part = resolve(world, term.value, context);
    if (value.logarithm) part = ::logf(part + 1.0F);  // glibc's single-precision log: its bits are part of the reward
    if (value.weighted) part *= term.weight;
    total += part;
  }
  return total;
}

float resolve(World& world, ValueId id, const Context& context) {
  const Value& value = world.game->values[id];
  const auto term = [&](std::uint32_t i) {
    return resolve(world, world.game->value_terms[value.terms.first + i].value, context);
  };
  switch (value.kind) {
    case ValueKind::inventory:
      return read_inventory(world, value, context);
    case ValueKind::stat:
    case ValueKind::oldest_stat:
      return read_stat(world, value, context);
    case ValueKind::constant:
      return value.constant;
    case ValueKind::query_inventory: {
      const QueryResult found(world, value.query, context);
      float total = 0.0F;
      for (std::size_t i = 0; i < found.size(); ++i) {
        total += static_cast<float>(world.amount(found[i], value.resource));
      }
      return total;
    }
    case ValueKind::query_count:
      return static_cast<float>(QueryResult(world, value.query, context).size());
    case ValueKind::sum:
      return sum_terms(world, value, context);
    case ValueKind::ratio: {
      const float numerator = term(0);
      const float denominator = term(1);
      return denominator > 0.0F ? numerator / denominator : numerator;
    }
    case ValueKind::max: {
      float best = std::numeric_limits<float>::lowest();
      for (std::uint32_t i = 0; i < value.terms.count; ++i) best = std::max(best, term(i));
      return best;
    }
    case ValueKind::min: {
      float best = std::numeric_limits<float>::max();
      for (std::uint32_t i = 0; i < value.terms.count; ++i) best = std::min(best, term(i));
      return best;
    }
  }
  return 0.0F;
}

}  // namespace

float resolve_value(World& world, ValueId value, const Context& context, ObjectIndex entity) {
  Context for_entity = context;
  for_entity.actor = entity;
  return resolve(world, value, for_entity);
}

void update_value(World& world, ValueId id, float delta, ObjectIndex entity) {
  const Value& value = world.game->values[id];
  if (value.kind == ValueKind::inventory) {
    if (entity != kNoObject) {
      update_inventory(world, entity, value.resource, truncate_to_int(delta));
    } else if (value.scope == Scope::game) {
      world.game_stats.add(0, value.stat, delta);
    }
  } else if (value.scope == Scope::game) {
    world.game_stats.add(0, slot_of(value, world.game_stats, 0), delta);
  } else if (entity != kNoObject && world.is_agent(entity)) {
    const std::uint32_t row = world.objects[entity].agent;
    world.agent_stats.add(row, slot_of(value, world.agent_stats, row), delta);
  }
}

}  // namespace metta
