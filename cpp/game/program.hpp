// Handlers, filters, mutations, queries and game values as flat records. A record names its parts by Range into the
// same table (children of a `not`, terms of a sum), so that a rule is followed without a pointer, a string or a
// virtual call. metta_puffer/engine/compile.py writes these tables; cpp/rules reads them.
#pragma once

#include <cstdint>

#include "game/types.hpp"

namespace metta {

enum class FilterKind : std::uint8_t {
  vibe,               // entity's vibe == vibe
  resource,           // entity holds >= amount of resource
  any_tag,            // entity has any tag of tag_set
  shared_tag,         // actor and target share a tag of tag_set
  game_value,         // value(entity) >= threshold(entity)
  distance_to_actor,  // within radius of the closure's frontier object, else of the actor; 0 = any distance
  distance_to_query,  // within radius of a result of query; 0 = any result
  target_loc_empty,
  target_is_usable,
  periodic,
  negation,           // not all of `inner` pass
  any_of,             // one of `inner` passes
};

struct Filter {
  FilterKind kind{};
  Entity entity = Entity::target;
  VibeId vibe = 0;
  ResourceId resource = 0;
  Quantity amount = 0;
  std::uint32_t radius = 0;
  std::uint32_t period = 1;
  std::uint32_t start_on = 0;
  std::int32_t tag_set = kAbsent;  // index into Game::tag_sets
  ValueId value = kAbsent;
  ValueId threshold = kAbsent;
  QueryId query = kAbsent;
  Range inner;  // into Game::filters
};

enum class MutationKind : std::uint8_t {
  resource_delta,
  resource_transfer,
  clear_inventory,
  set_stat,
  add_tag,
  remove_tag,
  remove_tags,
  change_vibe,
  set_game_value,
  recompute_query,
  query_inventory,
  query_place_adjacent,
  relocate,
  swap,
  use_target,
  spawn_object,
  raycast_spawn,
  push_object,
  set_relative_target,
};

// One resource of a query_inventory mutation or of an AOE's presence deltas.
struct ResourceDelta {
  ResourceId resource = 0;
  std::int32_t delta = 0;
  std::int32_t transfer_stat = kAbsent;  // game statistic that counts what moved (query_inventory only)
};

struct Mutation {
  MutationKind kind{};
  Entity entity = Entity::target;       // whom it applies to; the source of a transfer or query_inventory
  Entity destination = Entity::target;  // resource_transfer
  bool has_source = false;              // query_inventory moves between `entity` and the results
  bool remove_source_when_empty = false;
  Scope scope = Scope::game;            // set_stat
  ResourceId resource = 0;
  TagId tag = 0;
  VibeId vibe = 0;
  std::uint8_t orientation = 0;         // set_relative_target
  std::int32_t amount = 0;              // resource_delta's delta; a transfer's amount, negative = all
  std::int32_t distance = 1;            // set_relative_target
  std::int32_t stat = kAbsent;          // set_stat: slot in the agents' or the game's table
  ValueId value = kAbsent;              // set_game_value: what is updated; raycast_spawn: range
  ValueId source = kAbsent;             // set_stat, set_game_value: the new value or the delta
  QueryId query = kAbsent;
  std::int32_t materialized = kAbsent;  // recompute_query: index into Game::materialized, kAbsent does nothing
  std::int32_t object_config = kAbsent; // spawns; kAbsent = no such object, so the mutation fails
  Range resources;   // clear_inventory: into Game::resource_lists (empty = everything held)
  Range tags;        // remove_tags: into Game::tag_lists
  Range deltas;      // query_inventory: into Game::resource_deltas
  Range directions;  // raycast_spawn: into Game::directions
  Range blockers;    // raycast_spawn: into Game::filters; any of them stops the ray
};

enum class QueryKind : std::uint8_t { tag, filtered, closure, raycast };

struct Query {
  QueryKind kind{};
  bool random_order = false;
  bool include_blocker = true;
  TagId tag = 0;
  QueryId source = kAbsent;      // filtered, closure (roots), raycast
  QueryId candidates = kAbsent;  // closure
  ValueId max_items = kAbsent;   // kAbsent = unlimited
  ValueId max_range = kAbsent;   // raycast
  Range filters;                 // tag, filtered; closure: over the final set
  Range edge_filters;            // closure
  Range blockers;                // raycast: any of them blocks
  Range directions;              // raycast
};

enum class ValueKind : std::uint8_t {
  inventory,
  stat,
  oldest_stat,  // the statistic that its tracker has had longest
  constant,
  query_inventory,
  query_count,
  sum,
  ratio,  // terms: numerator, denominator
  max,
  min,
};

struct Value {
  ValueKind kind{};
  Scope scope = Scope::agent;
  bool logarithm = false;
  bool weighted = false;
  ResourceId resource = 0;
  std::int32_t stat = kAbsent;  // slot in the table `scope` says; inventory(game): the game's `<resource>.amount`
  float constant = 0.0F;
  QueryId query = kAbsent;
  Range terms;                    // into Game::value_terms
};

struct ValueTerm {
  ValueId value = kAbsent;
  float weight = 1.0F;
};

enum class HandlerMode : std::uint8_t { single, first_match, all_of };

struct Handler {
  HandlerMode mode = HandlerMode::single;
  Range filters;
  Range mutations;
  Range children;  // of a composite: into Game::handler_lists
};

}  // namespace metta
