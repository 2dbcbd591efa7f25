// The rule tables of cpp/game/program.hpp as Python records, for metta_puffer/engine/compile.py to fill.
#include "bindings/records.hpp"

namespace py = pybind11;

namespace metta::bindings {

namespace {

void register_enums(py::module_& m) {
  py::enum_<Entity>(m, "Entity").value("actor", Entity::actor).value("target", Entity::target);
  py::enum_<Scope>(m, "Scope").value("agent", Scope::agent).value("game", Scope::game);
  py::enum_<FilterKind>(m, "FilterKind")
      .value("vibe", FilterKind::vibe)
      .value("resource", FilterKind::resource)
      .value("any_tag", FilterKind::any_tag)
      .value("shared_tag", FilterKind::shared_tag)
      .value("game_value", FilterKind::game_value)
      .value("distance_to_actor", FilterKind::distance_to_actor)
      .value("distance_to_query", FilterKind::distance_to_query)
      .value("target_loc_empty", FilterKind::target_loc_empty)
      .value("target_is_usable", FilterKind::target_is_usable)
      .value("periodic", FilterKind::periodic)
      .value("negation", FilterKind::negation)
      .value("any_of", FilterKind::any_of);
  py::enum_<MutationKind>(m, "MutationKind")
      .value("resource_delta", MutationKind::resource_delta)
      .value("resource_transfer", MutationKind::resource_transfer)
      .value("clear_inventory", MutationKind::clear_inventory)
      .value("set_stat", MutationKind::set_stat)
      .value("add_tag", MutationKind::add_tag)
      .value("remove_tag", MutationKind::remove_tag)
      .value("remove_tags", MutationKind::remove_tags)
      .value("change_vibe", MutationKind::change_vibe)
      .value("set_game_value", MutationKind::set_game_value)
      .value("recompute_query", MutationKind::recompute_query)
      .value("query_inventory", MutationKind::query_inventory)
      .value("query_place_adjacent", MutationKind::query_place_adjacent)
      .value("relocate", MutationKind::relocate)
      .value("swap", MutationKind::swap)
      .value("use_target", MutationKind::use_target)
      .value("spawn_object", MutationKind::spawn_object)
      .value("raycast_spawn", MutationKind::raycast_spawn)
      .value("push_object", MutationKind::push_object)
      .value("set_relative_target", MutationKind::set_relative_target);
  py::enum_<QueryKind>(m, "QueryKind")
      .value("tag", QueryKind::tag)
      .value("filtered", QueryKind::filtered)
      .value("closure", QueryKind::closure)
      .value("raycast", QueryKind::raycast);
  py::enum_<ValueKind>(m, "ValueKind")
      .value("inventory", ValueKind::inventory)
      .value("stat", ValueKind::stat)
      .value("oldest_stat", ValueKind::oldest_stat)
      .value("constant", ValueKind::constant)
      .value("query_inventory", ValueKind::query_inventory)
      .value("query_count", ValueKind::query_count)
      .value("sum", ValueKind::sum)
      .value("ratio", ValueKind::ratio)
      .value("max", ValueKind::max)
      .value("min", ValueKind::min);
  py::enum_<HandlerMode>(m, "HandlerMode")
      .value("single", HandlerMode::single)
      .value("first_match", HandlerMode::first_match)
      .value("all_of", HandlerMode::all_of);
}

}  // namespace

void register_programs(py::module_& m) {
  register_enums(m);
  py::class_<Filter>(m, "Filter")
      .def(py::init<>())
      .def_readwrite("kind", &Filter::kind)
      .def_readwrite("entity", &Filter::entity)
      .def_readwrite("vibe", &Filter::vibe)
      .def_readwrite("resource", &Filter::resource)
      .def_readwrite("amount", &Filter::amount)
      .def_readwrite("radius", &Filter::radius)
      .def_readwrite("period", &Filter::period)
      .def_readwrite("start_on", &Filter::start_on)
      .def_readwrite("tag_set", &Filter::tag_set)
      .def_readwrite("value", &Filter::value)
      .def_readwrite("threshold", &Filter::threshold)
      .def_readwrite("query", &Filter::query)
      .def_readwrite("inner", &Filter::inner);
  py::class_<ResourceDelta>(m, "ResourceDelta")
      .def(py::init<>())
      .def_readwrite("resource", &ResourceDelta::resource)
      .def_readwrite("delta", &ResourceDelta::delta)
      .def_readwrite("transfer_stat", &ResourceDelta::transfer_stat);
  py::class_<Mutation>(m, "Mutation")
      .def(py::init<>())
      .def_readwrite("kind", &Mutation::kind)
      .def_readwrite("entity", &Mutation::entity)
      .def_readwrite("destination", &Mutation::destination)
      .def_readwrite("has_source", &Mutation::has_source)
      .def_readwrite("remove_source_when_empty", &Mutation::remove_source_when_empty)
      .def_readwrite("scope", &Mutation::scope)
      .def_readwrite("resource", &Mutation::resource)
      .def_readwrite("tag", &Mutation::tag)
      .def_readwrite("vibe", &Mutation::vibe)
      .def_readwrite("orientation", &Mutation::orientation)
      .def_readwrite("amount", &Mutation::amount)
      .def_readwrite("distance", &Mutation::distance)
      .def_readwrite("stat", &Mutation::stat)
      .def_readwrite("value", &Mutation::value)
      .def_readwrite("source", &Mutation::source)
      .def_readwrite("query", &Mutation::query)
      .def_readwrite("materialized", &Mutation::materialized)
      .def_readwrite("object_config", &Mutation::object_config)
      .def_readwrite("resources", &Mutation::resources)
      .def_readwrite("tags", &Mutation::tags)
      .def_readwrite("deltas", &Mutation::deltas)
      .def_readwrite("directions", &Mutation::directions)
      .def_readwrite("blockers", &Mutation::blockers);
  py::class_<Query>(m, "Query")
      .def(py::init<>())
      .def_readwrite("kind", &Query::kind)
      .def_readwrite("random_order", &Query::random_order)
      .def_readwrite("include_blocker", &Query::include_blocker)
      .def_readwrite("tag", &Query::tag)
      .def_readwrite("source", &Query::source)
      .def_readwrite("candidates", &Query::candidates)
      .def_readwrite("max_items", &Query::max_items)
      .def_readwrite("max_range", &Query::max_range)
      .def_readwrite("filters", &Query::filters)
      .def_readwrite("edge_filters", &Query::edge_filters)
      .def_readwrite("blockers", &Query::blockers)
      .def_readwrite("directions", &Query::directions);
  py::class_<Value>(m, "Value")
      .def(py::init<>())
      .def_readwrite("kind", &Value::kind)
      .def_readwrite("scope", &Value::scope)
      .def_readwrite("logarithm", &Value::logarithm)
      .def_readwrite("weighted", &Value::weighted)
      .def_readwrite("resource", &Value::resource)
      .def_readwrite("stat", &Value::stat)
      .def_readwrite("constant", &Value::constant)
      .def_readwrite("query", &Value::query)
      .def_readwrite("terms", &Value::terms);
  py::class_<ValueTerm>(m, "ValueTerm")
      .def(py::init<>())
      .def_readwrite("value", &ValueTerm::value)
      .def_readwrite("weight", &ValueTerm::weight);
  py::class_<Handler>(m, "Handler")
      .def(py::init<>())
      .def_readwrite("mode", &Handler::mode)
      .def_readwrite("filters", &Handler::filters)
      .def_readwrite("mutations", &Handler::mutations)
      .def_readwrite("children", &Handler::children);
}

}  // namespace metta::bindings
