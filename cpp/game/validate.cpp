#include "game/validate.hpp"

#include <initializer_list>
#include <stdexcept>
#include <string>

namespace metta {

namespace {

[[noreturn]] void out_of_range(const char* table, std::size_t entry, const char* field) {
  throw std::invalid_argument(std::string(table) + "[" + std::to_string(entry) + "]." + field + " is out of range");
}

class Validator {
 public:
  explicit Validator(const Game& game) : game_(game) {}

  void check_all() {
    check_filters();
    check_mutations();
    check_queries();
    check_values();
    check_handlers();
    check_objects();
    check_rules();
    check_observation();
    check_statistics();
    check_window();
  }

 private:
  void at(const char* table, std::size_t entry) {
    table_ = table;
    entry_ = entry;
  }
  void require(bool good, const char* field) const {
    if (!good) out_of_range(table_, entry_, field);
  }
  template <typename T>
  void range(Range range, const std::vector<T>& table, const char* field) const {
    require(std::uint64_t{range.first} + range.count <= table.size(), field);
  }
  template <typename T>
  void index(std::int64_t index, const std::vector<T>& table, const char* field) const {
    require(index >= 0 && index < static_cast<std::int64_t>(table.size()), field);
  }
  template <typename T>
  void optional_index(std::int64_t value, const std::vector<T>& table, const char* field) const {
    if (value != kAbsent) index(value, table, field);
  }
  void tag(TagId id, const char* field) const { index(id, game_.tag_names, field); }
  void resource(ResourceId id, const char* field) const { index(id, game_.resource_names, field); }

  // Parts always stand before the record that names them, so no rule can contain itself.
  void parts_before(Range parts, std::size_t entry, const char* field) const {
    require(parts.empty() || std::uint64_t{parts.first} + parts.count <= entry, field);
  }
  void before(std::int64_t part, std::size_t entry, const char* field) const {
    require(part == kAbsent || (part >= 0 && part < static_cast<std::int64_t>(entry)), field);
  }

  void check_filters() {
    for (std::size_t i = 0; i < game_.filters.size(); ++i) {
      const Filter& filter = game_.filters[i];
      at("filters", i);
      if (filter.kind == FilterKind::resource) resource(filter.resource, "resource");
      if (filter.kind == FilterKind::any_tag || filter.kind == FilterKind::shared_tag) {
        index(filter.tag_set, game_.tag_sets, "tag_set");
      }
      if (filter.kind == FilterKind::game_value) {
        index(filter.value, game_.values, "value");
        index(filter.threshold, game_.values, "threshold");
      }
      if (filter.kind == FilterKind::distance_to_query) index(filter.query, game_.queries, "query");
      require(filter.period > 0, "period");
      parts_before(filter.inner, i, "inner");
    }
  }

  void check_mutations() {
    for (std::size_t i = 0; i < game_.mutations.size(); ++i) {
      const Mutation& mutation = game_.mutations[i];
      at("mutations", i);
      switch (mutation.kind) {
        case MutationKind::resource_delta:
        case MutationKind::resource_transfer:
          resource(mutation.resource, "resource");
          break;
        case MutationKind::set_stat:
          index(mutation.stat, mutation.scope == Scope::game ? game_.game_stat_names : game_.agent_stat_names, "stat");
          index(mutation.source, game_.values, "source");
          break;
        case MutationKind::set_game_value:
          index(mutation.value, game_.values, "value");
          changed_statistic(game_.values[static_cast<std::size_t>(mutation.value)]);
          index(mutation.source, game_.values, "source");
          break;
        case MutationKind::add_tag:
        case MutationKind::remove_tag:
          tag(mutation.tag, "tag");
          break;
        case MutationKind::query_inventory:
        case MutationKind::query_place_adjacent:
          index(mutation.query, game_.queries, "query");
          break;
        case MutationKind::raycast_spawn:
          index(mutation.value, game_.values, "value");
          break;
        case MutationKind::set_relative_target:
          require(mutation.orientation < 8, "orientation");
          break;
        default:
          break;
      }
      optional_index(mutation.materialized, game_.materialized, "materialized");
      optional_index(mutation.object_config, game_.objects, "object_config");
      range(mutation.resources, game_.resource_lists, "resources");
      require(mutation.resources.count <= 256, "resources");
      range(mutation.tags, game_.tag_lists, "tags");
      range(mutation.deltas, game_.resource_deltas, "deltas");
      range(mutation.directions, game_.directions, "directions");
      range(mutation.blockers, game_.filters, "blockers");
    }
    for (std::size_t i = 0; i < game_.resource_lists.size(); ++i) {
      at("resource_lists", i);
      resource(game_.resource_lists[i], "resource");
    }
    for (std::size_t i = 0; i < game_.tag_lists.size(); ++i) {
      at("tag_lists", i);
      tag(game_.tag_lists[i], "tag");
    }
    for (std::size_t i = 0; i < game_.resource_deltas.size(); ++i) {
      at("resource_deltas", i);
      resource(game_.resource_deltas[i].resource, "resource");
      optional_index(game_.resource_deltas[i].transfer_stat, game_.game_stat_names, "transfer_stat");
    }
  }

  // What update_value adds to: nothing for the inventory of an agent, what is there for a statistic without a name.
  void changed_statistic(const Value& value) const {
    if (value.kind == ValueKind::oldest_stat) return;
    if (value.kind == ValueKind::inventory && value.scope == Scope::agent) return;
    index(value.stat, value.scope == Scope::game ? game_.game_stat_names : game_.agent_stat_names, "value");
  }

  void check_queries() {
    for (std::size_t i = 0; i < game_.queries.size(); ++i) {
      const Query& query = game_.queries[i];
      at("queries", i);
      if (query.kind == QueryKind::tag) {
        tag(query.tag, "tag");
      } else {
        require(query.source != kAbsent, "source");
      }
      if (query.kind == QueryKind::closure) require(query.candidates != kAbsent, "candidates");
      if (query.kind == QueryKind::raycast) index(query.max_range, game_.values, "max_range");
      before(query.source, i, "source");
      before(query.candidates, i, "candidates");
      optional_index(query.max_items, game_.values, "max_items");
      range(query.filters, game_.filters, "filters");
      range(query.edge_filters, game_.filters, "edge_filters");
      range(query.blockers, game_.filters, "blockers");
      range(query.directions, game_.directions, "directions");
    }
  }

  void check_values() {
    for (std::size_t i = 0; i < game_.values.size(); ++i) {
      const Value& value = game_.values[i];
      at("values", i);
      const auto& names = value.scope == Scope::game ? game_.game_stat_names : game_.agent_stat_names;
      if (value.kind == ValueKind::stat || (value.kind == ValueKind::inventory && value.scope == Scope::game)) {
        index(value.stat, names, "stat");
      }
      if (value.kind == ValueKind::inventory || value.kind == ValueKind::query_inventory) {
        resource(value.resource, "resource");
      }
      if (value.kind == ValueKind::query_inventory || value.kind == ValueKind::query_count) {
        index(value.query, game_.queries, "query");
      }
      range(value.terms, game_.value_terms, "terms");
      require(value.kind != ValueKind::ratio || value.terms.count == 2, "terms");
      for (std::uint32_t t = 0; t < value.terms.count; ++t) {
        const ValueId part = game_.value_terms[value.terms.first + t].value;
        require(part >= 0, "terms");
        before(part, i, "terms");
      }
    }
  }

  void check_handlers() {
    for (std::size_t i = 0; i < game_.handlers.size(); ++i) {
      const Handler& handler = game_.handlers[i];
      at("handlers", i);
      range(handler.filters, game_.filters, "filters");
      range(handler.mutations, game_.mutations, "mutations");
      range(handler.children, game_.handler_lists, "children");
      for (std::uint32_t c = 0; c < handler.children.count; ++c) {
        const HandlerId child = game_.handler_lists[handler.children.first + c];
        require(child >= 0, "children");
        before(child, i, "children");
      }
    }
  }

  void check_objects() {
    for (std::size_t i = 0; i < game_.objects.size(); ++i) {
      const ObjectConfig& object = game_.objects[i];
      at("objects", i);
      for (const TagId id : object.tags) tag(id, "tags");
      optional_index(object.on_use, game_.handlers, "on_use");
      for (const TagHandler& handler : object.on_tag_remove) index(handler.handler, game_.handlers, "on_tag_remove");
      for (const AoeConfig& aoe : object.aoes) {
        range(aoe.filters, game_.filters, "aoes.filters");
        range(aoe.mutations, game_.mutations, "aoes.mutations");
        range(aoe.presence_deltas, game_.resource_deltas, "aoes.presence_deltas");
      }
      for (const TerritoryControl& control : object.territory_controls) {
        index(control.territory, game_.territories, "territory_controls.territory");
      }
      require(object.inventory.groups.size() < kNoLimitGroup, "inventory.groups");
      for (const auto& entry : object.inventory.initial) resource(entry.first, "inventory.initial");
      optional_index(object.agent.on_tick, game_.handlers, "agent.on_tick");
      optional_index(object.agent.on_after_use, game_.handlers, "agent.on_after_use");
      for (const RewardEntry& entry : object.agent.rewards) index(entry.value, game_.values, "agent.rewards");
      for (const InitialStat& stat : object.agent.initial_stats) {
        index(stat.stat, game_.agent_stat_names, "agent.initial_stats");
      }
    }
    for (std::size_t i = 0; i < game_.cell_kinds.size(); ++i) {
      at("cell_kinds", i);
      index(game_.cell_kinds[i].config, game_.objects, "config");
      index(game_.cell_kinds[i].count_stat, game_.game_stat_names, "count_stat");
    }
  }

  void check_rules() {
    for (std::size_t i = 0; i < game_.move_handlers.size(); ++i) {
      at("move_handlers", i);
      index(game_.move_handlers[i].handler, game_.handlers, "handler");
    }
    for (std::size_t i = 0; i < game_.actions.size(); ++i) {
      at("actions", i);
      require(game_.actions[i].orientation < 8, "orientation");
    }
    for (std::size_t i = 0; i < game_.events.size(); ++i) {
      const Event& event = game_.events[i];
      at("events", i);
      index(event.target_query, game_.queries, "target_query");
      range(event.filters, game_.filters, "filters");
      range(event.mutations, game_.mutations, "mutations");
      optional_index(event.fallback, game_.events, "fallback");
    }
    for (std::size_t i = 0; i < game_.schedule.size(); ++i) {
      at("schedule", i);
      index(game_.schedule[i].event, game_.events, "event");
    }
    for (std::size_t i = 0; i < game_.territories.size(); ++i) {
      at("territories", i);
      for (const auto* handlers : {&game_.territories[i].on_enter, &game_.territories[i].on_exit,
                                   &game_.territories[i].presence}) {
        for (const HandlerId handler : *handlers) index(handler, game_.handlers, "handlers");
      }
      for (const TagId id : game_.territories[i].tags) tag(id, "tags");
    }
    for (std::size_t i = 0; i < game_.materialized.size(); ++i) {
      at("materialized", i);
      tag(game_.materialized[i].tag, "tag");
      index(game_.materialized[i].query, game_.queries, "query");
    }
    at("game", 0);
    for (const auto& entry : game_.end_thresholds) index(entry.first, game_.game_stat_names, "end_thresholds");
    for (const auto& entry : game_.invalid_index_stats) {
      index(entry.second, game_.agent_stat_names, "invalid_index_stats");
    }
    optional_index(game_.on_tick, game_.handlers, "on_tick");
    require(game_.num_agents > 0, "num_agents");
    require(game_.num_resources() <= 255, "resource_names");
    require(game_.num_tags() <= 256, "tag_names");
    require(game_.resource_stats.size() == game_.num_resources(), "resource_stats");
  }

  void check_observation() {
    const ObservationConfig& observation = game_.observation;
    at("observation", 0);
    optional_index(observation.radius_value, game_.values, "radius_value");
    for (const ObservedValue& entry : observation.values) index(entry.value, game_.values, "values");
    require(observation.inventory_features.size() == game_.num_resources() * observation.inventory_digits,
            "inventory_features");
    std::uint64_t holds = 1;  // the largest amount that fits the digits, plus one
    for (std::uint32_t digit = 0; digit < observation.inventory_digits && holds <= kMaxQuantity; ++digit) {
      holds *= observation.token_value_base;
    }
    require(holds > kMaxQuantity, "inventory_digits");
  }

  void check_statistics() {
    const AgentStatIds& agent = game_.agent_stats;
    at("agent_stats", 0);
    for (const StatId id : {agent.noop_success, agent.move_success, agent.move_failed, agent.vibe_success,
                            agent.action_failed, agent.invalid_index, agent.max_steps_without_motion, agent.visited,
                            agent.unique_visited, agent.max_distance, agent.swap, agent.death}) {
      index(id, game_.agent_stat_names, "id");
    }
    const GameStatIds& game = game_.game_stats;
    at("game_stats", 0);
    for (const StatId id : {game.tokens_written, game.tokens_dropped, game.tokens_free_space}) {
      index(id, game_.game_stat_names, "id");
    }
    for (std::size_t i = 0; i < game_.resource_stats.size(); ++i) {
      const ResourceStats& stats = game_.resource_stats[i];
      at("resource_stats", i);
      for (const StatId id : {stats.amount, stats.gained, stats.lost, stats.deposited}) {
        index(id, game_.agent_stat_names, "id");
      }
    }
  }

  void check_window() const {
    const ObservationConfig& observation = game_.observation;
    if (observation.width > kMaxWindow || observation.height > kMaxWindow || observation.width % 2 == 0 ||
        observation.height % 2 == 0) {
      throw std::invalid_argument("observation: width and height must be odd and at most 15");
    }
    if (observation.token_value_base < 2) {
      throw std::invalid_argument("observation: token_value_base must be at least 2");
    }
  }

  const Game& game_;
  const char* table_ = "";
  std::size_t entry_ = 0;
};

}  // namespace

void validate_game(const Game& game) { Validator(game).check_all(); }

}  // namespace metta
