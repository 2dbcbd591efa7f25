// A compiled game. Immutable once built, shared by all worlds that play it.
//
// The data path in a few lines:
//   MettaGridConfig --metta_puffer/engine/compile.py--> Game (this file: tables, no names in the hot path)
//   Game + grid of CellKindId + seed --episode/construct--> World (world/world.hpp: one episode as flat arrays)
//   episode/step(World): actions -> events -> on_tick -> AOE, territory -> game on_tick -> encode_observations ->
//   rewards, each phase one file of cpp/rules; batch/ runs many Worlds on threads and starts the next episode in place.
// Everything a rule needs is an index into a table below; everything a rule changes lies in the World.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "game/observation_tables.hpp"
#include "game/program.hpp"
#include "game/types.hpp"

namespace metta {

// ---- inventories -----------------------------------------------------------------------------------------------

struct LimitModifier {
  ResourceId resource = 0;
  std::int32_t bonus = 0;
};

// Resources that share one capacity: clamp(min(max, max(base, sum of modifiers)), 0, 65535).
struct LimitGroup {
  std::int32_t base = 0;
  std::int32_t max = kMaxQuantity;
  std::vector<ResourceId> members;
  std::vector<LimitModifier> modifiers;
};

inline constexpr std::uint8_t kNoLimitGroup = 255;

struct InventoryConfig {
  std::vector<LimitGroup> groups;  // in creation order, which is the order they are enforced in
  // finish_game fills these three:
  std::vector<std::uint8_t> group_of;         // [resources]; kNoLimitGroup = unlimited
  std::vector<std::uint8_t> is_modifier;      // [resources]
  std::vector<ResourceId> enforcement_order;  // limited resources in the published hash table's order
  // Given in dict order, put by finish_game into the published hash table's; zero amounts kept (agents touch them).
  std::vector<std::pair<ResourceId, Quantity>> initial;
};

// ---- objects ---------------------------------------------------------------------------------------------------

struct TagHandler {
  TagId tag = 0;
  HandlerId handler = kAbsent;
};

struct AoeConfig {
  std::int32_t radius = 0;  // negative: a static area covers nothing, a mobile one as far as the positive
  bool is_static = true;
  bool effect_self = false;
  Range filters;
  Range mutations;
  Range presence_deltas;  // into Game::resource_deltas
};

struct TerritoryControl {
  std::uint16_t territory = 0;
  std::int64_t strength = 1;
  std::int64_t decay = 1;
};

struct RewardEntry {
  ValueId value = kAbsent;
  bool per_tick = false;
  // Set by finish_game. Most rewards are `weight` times the amount of one resource, which configs write as a sum of one
  // term: read without a walk over the expression, with the same arithmetic.
  bool is_amount = false;
  ResourceId resource = 0;
  float weight = 1.0F;
};

struct InitialStat {
  StatId stat = 0;
  float value = 0.0F;
};

// What is particular to agents; every agent config has its own entry.
struct AgentConfig {
  std::uint8_t group_id = 0;
  std::string group_name;
  HandlerId on_tick = kAbsent;
  HandlerId on_after_use = kAbsent;
  std::vector<RewardEntry> rewards;
  std::vector<InitialStat> initial_stats;
};

struct ObjectConfig {
  ObjectKind kind = ObjectKind::object;
  VibeId vibe = 0;
  bool blocks_vision = false;
  std::string type_name;
  std::vector<TagId> tags;  // ascending, without repeats
  HandlerId on_use = kAbsent;
  std::vector<TagHandler> on_tag_remove;  // config order
  std::vector<AoeConfig> aoes;
  std::vector<TerritoryControl> territory_controls;
  InventoryConfig inventory;
  AgentConfig agent;  // kind == agent only
};

// A map cell name: which object it makes and which `objects.<cell>` statistic counts it.
struct CellKind {
  std::string name;
  ObjectConfigId config = 0;
  StatId count_stat = 0;  // game statistic
};

// ---- actions ---------------------------------------------------------------------------------------------------

enum class ActionKind : std::uint8_t { noop, move, change_vibe };

struct Action {
  ActionKind kind = ActionKind::noop;
  std::uint8_t orientation = 0;  // move
  VibeId vibe = 0;               // change_vibe
};

struct MoveHandler {
  HandlerId handler = kAbsent;
  std::uint32_t range = 1;
  bool accepts_empty = false;
};

// ---- events, territories, materialized queries -----------------------------------------------------------------

struct Event {
  QueryId target_query = kAbsent;
  Range filters;
  Range mutations;
  std::int32_t max_targets = kAbsent;  // kAbsent = unlimited
  std::int32_t fallback = kAbsent;     // index into Game::events
};

struct ScheduledEvent {
  std::int32_t timestep = 0;
  std::uint32_t event = 0;
};

struct Territory {
  std::vector<TagId> tags;  // competing tags, ascending
  std::vector<HandlerId> on_enter;
  std::vector<HandlerId> on_exit;
  std::vector<HandlerId> presence;
};

struct MaterializedQuery {
  TagId tag = 0;
  QueryId query = kAbsent;
};

// ---- observations ----------------------------------------------------------------------------------------------

struct WindowCell {
  std::int8_t row = 0;     // offset from the observer
  std::int8_t col = 0;
  std::uint8_t packed = 0;  // (row + row_radius) << 4 | (col + col_radius)
};

struct ObservedValue {
  ValueId value = kAbsent;
  std::uint8_t feature = 0;
};

// Feature ids; a feature that the game does not emit stays 0 and its flag in ObservationConfig is false. The published
// engine has ids for `aoe_mask`, `goal` and `protocol_*` too and never emits them.
struct FeatureIds {
  std::uint8_t agent_group = 0, episode_completion = 0, last_action = 0, last_reward = 0, vibe = 0, tag = 0;
  std::uint8_t east = 0, west = 0, north = 0, south = 0, agent_id = 0, last_action_move = 0;
  std::uint8_t territory_here = 0;
  std::array<std::uint8_t, 4> territory_boundary{};  // north, south, east, west
};

struct ObservationConfig {
  std::uint32_t num_tokens = 0;
  std::uint8_t width = 0, height = 0;
  std::uint8_t row_radius = 0, col_radius = 0;
  std::uint32_t token_value_base = 256;
  bool episode_completion = false, last_action = false, last_action_move = false, last_reward = false;
  bool local_position = false, territory = false;
  bool any_blocks_vision = false;  // some object of the game hides what is behind it
  ValueId radius_value = kAbsent;
  FeatureIds features;
  std::uint32_t inventory_digits = 2;                // tokens that the largest amount takes
  std::vector<std::uint8_t> inventory_features;      // [resources * inventory_digits]
  std::vector<ObservedValue> values;                 // in config order
  std::vector<WindowCell> window;                    // cells in the window mask, in emission order
  ObservationTables tables;                          // finish_game fills them
};

// ---- statistics the engine itself writes -------------------------------------------------------------------------

struct ResourceStats {
  StatId amount = 0, gained = 0, lost = 0, deposited = 0;  // agents' table
};

// The first of the agents' table, because most steps change them.
struct AgentStatIds {
  StatId noop_success = 0, move_success = 0, move_failed = 0, vibe_success = 0, action_failed = 0;
  StatId invalid_index = 0, max_steps_without_motion = 0, visited = 0, unique_visited = 0, max_distance = 0;
  StatId swap = 0, death = 0;
};
inline constexpr std::size_t kEngineStats = sizeof(AgentStatIds) / sizeof(StatId);

struct GameStatIds {
  StatId tokens_written = 0, tokens_dropped = 0, tokens_free_space = 0;
};
inline constexpr std::size_t kEngineGameStats = sizeof(GameStatIds) / sizeof(StatId);

inline constexpr std::size_t kMaxStatsPerTracker = 1024;

using TagSet = std::array<std::uint64_t, 4>;  // one bit a tag id

// ---- the game --------------------------------------------------------------------------------------------------

struct Game {
  std::uint32_t num_agents = 0;
  std::uint32_t max_steps = 0;
  bool episode_truncates = false;

  std::vector<std::string> resource_names;
  std::vector<std::string> tag_names;
  std::vector<std::string> vibe_names;
  std::vector<std::string> agent_stat_names;
  std::vector<std::string> game_stat_names;
  std::vector<ResourceStats> resource_stats;  // [resources]
  AgentStatIds agent_stats;
  GameStatIds game_stats;
  // Slots of `action.invalid_index.<n>` where a rule names them; the other indices are counted by number.
  std::vector<std::pair<std::int32_t, StatId>> invalid_index_stats;
  std::int32_t health_resource = kAbsent;  // the resource named `hp`: losing the last one counts as a death
  std::uint32_t tag_words = 1;             // 64-bit words an object's tag set takes

  // Programs.
  std::vector<Filter> filters;
  std::vector<Mutation> mutations;
  std::vector<Query> queries;
  std::vector<Value> values;
  std::vector<ValueTerm> value_terms;
  std::vector<Handler> handlers;
  std::vector<HandlerId> handler_lists;
  std::vector<TagSet> tag_sets;
  std::vector<TagId> tag_lists;
  std::vector<ResourceId> resource_lists;
  std::vector<ResourceDelta> resource_deltas;
  std::vector<Direction> directions;

  // What stands on a map.
  std::vector<ObjectConfig> objects;
  std::vector<CellKind> cell_kinds;
  ObjectConfigId proxy_config = 0;  // kTerritoryProxy's: no limits, no tags
  bool any_agent_on_tick = false;
  bool any_aoe = false;
  bool any_territory_control = false;

  // What happens.
  std::vector<Action> actions;
  std::vector<MoveHandler> move_handlers;  // the configured ones; rules/actions.cpp adds what every game has
  HandlerId on_tick = kAbsent;
  std::vector<Event> events;
  std::vector<ScheduledEvent> schedule;  // in firing order
  std::vector<Territory> territories;
  std::vector<MaterializedQuery> materialized;
  // A game statistic at or above its threshold truncates the episode (`game.end_episode_on_game_stats`).
  std::vector<std::pair<StatId, double>> end_thresholds;

  ObservationConfig observation;

  std::size_t num_resources() const { return resource_names.size(); }
  std::size_t num_tags() const { return tag_names.size(); }
};

}  // namespace metta
