// The tables of cpp/game/game.hpp as Python records, and CompiledGame, what finish_game makes of them.
#include "bindings/compiled_game.hpp"
#include "bindings/records.hpp"
#include "game/finish.hpp"

namespace py = pybind11;

namespace metta::bindings {

namespace {

void register_objects(py::module_& m) {
  py::enum_<ObjectKind>(m, "ObjectKind")
      .value("wall", ObjectKind::wall)
      .value("agent", ObjectKind::agent)
      .value("object", ObjectKind::object);
  py::class_<LimitModifier>(m, "LimitModifier")
      .def(py::init<>())
      .def_readwrite("resource", &LimitModifier::resource)
      .def_readwrite("bonus", &LimitModifier::bonus);
  py::class_<LimitGroup>(m, "LimitGroup")
      .def(py::init<>())
      .def_readwrite("base", &LimitGroup::base)
      .def_readwrite("max", &LimitGroup::max)
      .def_readwrite("members", &LimitGroup::members)
      .def_readwrite("modifiers", &LimitGroup::modifiers);
  py::class_<InventoryConfig>(m, "InventoryConfig")
      .def(py::init<>())
      .def_readwrite("groups", &InventoryConfig::groups)
      .def_readwrite("initial", &InventoryConfig::initial);
  py::class_<TagHandler>(m, "TagHandler")
      .def(py::init<>())
      .def_readwrite("tag", &TagHandler::tag)
      .def_readwrite("handler", &TagHandler::handler);
  py::class_<AoeConfig>(m, "AoeConfig")
      .def(py::init<>())
      .def_readwrite("radius", &AoeConfig::radius)
      .def_readwrite("is_static", &AoeConfig::is_static)
      .def_readwrite("effect_self", &AoeConfig::effect_self)
      .def_readwrite("filters", &AoeConfig::filters)
      .def_readwrite("mutations", &AoeConfig::mutations)
      .def_readwrite("presence_deltas", &AoeConfig::presence_deltas);
  py::class_<TerritoryControl>(m, "TerritoryControl")
      .def(py::init<>())
      .def_readwrite("territory", &TerritoryControl::territory)
      .def_readwrite("strength", &TerritoryControl::strength)
      .def_readwrite("decay", &TerritoryControl::decay);
  py::class_<RewardEntry>(m, "RewardEntry")
      .def(py::init<>())
      .def_readwrite("value", &RewardEntry::value)
      .def_readwrite("per_tick", &RewardEntry::per_tick);
  py::class_<InitialStat>(m, "InitialStat")
      .def(py::init<>())
      .def_readwrite("stat", &InitialStat::stat)
      .def_readwrite("value", &InitialStat::value);
  py::class_<AgentConfig>(m, "AgentConfig")
      .def(py::init<>())
      .def_readwrite("group_id", &AgentConfig::group_id)
      .def_readwrite("group_name", &AgentConfig::group_name)
      .def_readwrite("on_tick", &AgentConfig::on_tick)
      .def_readwrite("on_after_use", &AgentConfig::on_after_use)
      .def_readwrite("rewards", &AgentConfig::rewards)
      .def_readwrite("initial_stats", &AgentConfig::initial_stats);
  py::class_<ObjectConfig>(m, "ObjectConfig")
      .def(py::init<>())
      .def_readwrite("kind", &ObjectConfig::kind)
      .def_readwrite("vibe", &ObjectConfig::vibe)
      .def_readwrite("blocks_vision", &ObjectConfig::blocks_vision)
      .def_readwrite("type_name", &ObjectConfig::type_name)
      .def_readwrite("tags", &ObjectConfig::tags)
      .def_readwrite("on_use", &ObjectConfig::on_use)
      .def_readwrite("on_tag_remove", &ObjectConfig::on_tag_remove)
      .def_readwrite("aoes", &ObjectConfig::aoes)
      .def_readwrite("territory_controls", &ObjectConfig::territory_controls)
      .def_readwrite("inventory", &ObjectConfig::inventory)
      .def_readwrite("agent", &ObjectConfig::agent);
  py::class_<CellKind>(m, "CellKind")
      .def(py::init<>())
      .def_readwrite("name", &CellKind::name)
      .def_readwrite("config", &CellKind::config)
      .def_readwrite("count_stat", &CellKind::count_stat);
}

void register_happenings(py::module_& m) {
  py::enum_<ActionKind>(m, "ActionKind")
      .value("noop", ActionKind::noop)
      .value("move", ActionKind::move)
      .value("change_vibe", ActionKind::change_vibe);
  py::class_<Action>(m, "Action")
      .def(py::init<>())
      .def_readwrite("kind", &Action::kind)
      .def_readwrite("orientation", &Action::orientation)
      .def_readwrite("vibe", &Action::vibe);
  py::class_<MoveHandler>(m, "MoveHandler")
      .def(py::init<>())
      .def_readwrite("handler", &MoveHandler::handler)
      .def_readwrite("range", &MoveHandler::range)
      .def_readwrite("accepts_empty", &MoveHandler::accepts_empty);
  py::class_<Event>(m, "Event")
      .def(py::init<>())
      .def_readwrite("target_query", &Event::target_query)
      .def_readwrite("filters", &Event::filters)
      .def_readwrite("mutations", &Event::mutations)
      .def_readwrite("max_targets", &Event::max_targets)
      .def_readwrite("fallback", &Event::fallback);
  py::class_<ScheduledEvent>(m, "ScheduledEvent")
      .def(py::init<>())
      .def_readwrite("timestep", &ScheduledEvent::timestep)
      .def_readwrite("event", &ScheduledEvent::event);
  py::class_<Territory>(m, "Territory")
      .def(py::init<>())
      .def_readwrite("tags", &Territory::tags)
      .def_readwrite("on_enter", &Territory::on_enter)
      .def_readwrite("on_exit", &Territory::on_exit)
      .def_readwrite("presence", &Territory::presence);
  py::class_<MaterializedQuery>(m, "MaterializedQuery")
      .def(py::init<>())
      .def_readwrite("tag", &MaterializedQuery::tag)
      .def_readwrite("query", &MaterializedQuery::query);
}

void register_observation(py::module_& m) {
  py::class_<ObservedValue>(m, "ObservedValue")
      .def(py::init<>())
      .def_readwrite("value", &ObservedValue::value)
      .def_readwrite("feature", &ObservedValue::feature);
  py::class_<FeatureIds>(m, "FeatureIds")
      .def(py::init<>())
      .def_readwrite("agent_group", &FeatureIds::agent_group)
      .def_readwrite("episode_completion", &FeatureIds::episode_completion)
      .def_readwrite("last_action", &FeatureIds::last_action)
      .def_readwrite("last_reward", &FeatureIds::last_reward)
      .def_readwrite("vibe", &FeatureIds::vibe)
      .def_readwrite("tag", &FeatureIds::tag)
      .def_readwrite("east", &FeatureIds::east)
      .def_readwrite("west", &FeatureIds::west)
      .def_readwrite("north", &FeatureIds::north)
      .def_readwrite("south", &FeatureIds::south)
      .def_readwrite("agent_id", &FeatureIds::agent_id)
      .def_readwrite("last_action_move", &FeatureIds::last_action_move)
      .def_readwrite("territory_here", &FeatureIds::territory_here)
      .def_readwrite("territory_boundary", &FeatureIds::territory_boundary);
  py::class_<ObservationConfig>(m, "ObservationConfig")
      .def(py::init<>())
      .def_readwrite("num_tokens", &ObservationConfig::num_tokens)
      .def_readwrite("width", &ObservationConfig::width)
      .def_readwrite("height", &ObservationConfig::height)
      .def_readwrite("token_value_base", &ObservationConfig::token_value_base)
      .def_readwrite("episode_completion", &ObservationConfig::episode_completion)
      .def_readwrite("last_action", &ObservationConfig::last_action)
      .def_readwrite("last_action_move", &ObservationConfig::last_action_move)
      .def_readwrite("last_reward", &ObservationConfig::last_reward)
      .def_readwrite("local_position", &ObservationConfig::local_position)
      .def_readwrite("territory", &ObservationConfig::territory)
      .def_readwrite("radius_value", &ObservationConfig::radius_value)
      .def_readwrite("features", &ObservationConfig::features)
      .def_readwrite("inventory_digits", &ObservationConfig::inventory_digits)
      .def_readwrite("inventory_features", &ObservationConfig::inventory_features)
      .def_readwrite("values", &ObservationConfig::values);
}

void register_stat_ids(py::module_& m) {
  py::class_<ResourceStats>(m, "ResourceStats")
      .def(py::init<>())
      .def_readwrite("amount", &ResourceStats::amount)
      .def_readwrite("gained", &ResourceStats::gained)
      .def_readwrite("lost", &ResourceStats::lost)
      .def_readwrite("deposited", &ResourceStats::deposited);
  py::class_<AgentStatIds>(m, "AgentStatIds")
      .def(py::init<>())
      .def_readwrite("noop_success", &AgentStatIds::noop_success)
      .def_readwrite("move_success", &AgentStatIds::move_success)
      .def_readwrite("move_failed", &AgentStatIds::move_failed)
      .def_readwrite("vibe_success", &AgentStatIds::vibe_success)
      .def_readwrite("action_failed", &AgentStatIds::action_failed)
      .def_readwrite("invalid_index", &AgentStatIds::invalid_index)
      .def_readwrite("max_steps_without_motion", &AgentStatIds::max_steps_without_motion)
      .def_readwrite("visited", &AgentStatIds::visited)
      .def_readwrite("unique_visited", &AgentStatIds::unique_visited)
      .def_readwrite("max_distance", &AgentStatIds::max_distance)
      .def_readwrite("swap", &AgentStatIds::swap)
      .def_readwrite("death", &AgentStatIds::death);
  py::class_<GameStatIds>(m, "GameStatIds")
      .def(py::init<>())
      .def_readwrite("tokens_written", &GameStatIds::tokens_written)
      .def_readwrite("tokens_dropped", &GameStatIds::tokens_dropped)
      .def_readwrite("tokens_free_space", &GameStatIds::tokens_free_space);
}

}  // namespace

void register_game(py::module_& m) {
  register_objects(m);
  register_happenings(m);
  register_observation(m);
  register_stat_ids(m);
  py::class_<Game>(m, "GameTables")
      .def(py::init<>())
      .def_readwrite("num_agents", &Game::num_agents)
      .def_readwrite("max_steps", &Game::max_steps)
      .def_readwrite("episode_truncates", &Game::episode_truncates)
      .def_readwrite("resource_names", &Game::resource_names)
      .def_readwrite("tag_names", &Game::tag_names)
      .def_readwrite("vibe_names", &Game::vibe_names)
      .def_readwrite("agent_stat_names", &Game::agent_stat_names)
      .def_readwrite("game_stat_names", &Game::game_stat_names)
      .def_readwrite("resource_stats", &Game::resource_stats)
      .def_readwrite("agent_stats", &Game::agent_stats)
      .def_readwrite("game_stats", &Game::game_stats)
      .def_readwrite("health_resource", &Game::health_resource)
      .def_readwrite("filters", &Game::filters)
      .def_readwrite("mutations", &Game::mutations)
      .def_readwrite("queries", &Game::queries)
      .def_readwrite("values", &Game::values)
      .def_readwrite("value_terms", &Game::value_terms)
      .def_readwrite("handlers", &Game::handlers)
      .def_readwrite("handler_lists", &Game::handler_lists)
      .def_readwrite("tag_sets", &Game::tag_sets)
      .def_readwrite("tag_lists", &Game::tag_lists)
      .def_readwrite("resource_lists", &Game::resource_lists)
      .def_readwrite("resource_deltas", &Game::resource_deltas)
      .def_readwrite("directions", &Game::directions)
      .def_readwrite("objects", &Game::objects)
      .def_readwrite("cell_kinds", &Game::cell_kinds)
      .def_readwrite("actions", &Game::actions)
      .def_readwrite("move_handlers", &Game::move_handlers)
      .def_readwrite("on_tick", &Game::on_tick)
      .def_readwrite("events", &Game::events)
      .def_readwrite("schedule", &Game::schedule)
      .def_readwrite("territories", &Game::territories)
      .def_readwrite("materialized", &Game::materialized)
      .def_readwrite("end_thresholds", &Game::end_thresholds)
      .def_readwrite("invalid_index_stats", &Game::invalid_index_stats)
      .def_readwrite("observation", &Game::observation);
  py::class_<CompiledGame>(m, "CompiledGame")
      .def_property_readonly("num_agents", [](const CompiledGame& game) { return game.game->num_agents; })
      .def_property_readonly("num_tokens", [](const CompiledGame& game) { return game.game->observation.num_tokens; })
      .def_property_readonly("max_steps", [](const CompiledGame& game) { return game.game->max_steps; })
      .def_property_readonly("num_actions", [](const CompiledGame& game) { return game.game->actions.size(); });
  m.def(
      "finish_game", [](const Game& tables) { return CompiledGame{finish_game(tables)}; }, py::arg("tables"),
      "Checks the tables, fills what follows from them and returns the CompiledGame.\n"
      "Raises ValueError naming the table, entry and field that is out of range.");
}

}  // namespace metta::bindings
