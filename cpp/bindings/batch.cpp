// Many worlds over one set of buffers: checks, GIL, and what ended episodes leave behind. No logic.
#include "batch/batch.hpp"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/compiled_game.hpp"
#include "bindings/world_view.hpp"

namespace py = pybind11;

namespace metta::bindings {

namespace {

py::dict summary_dict(const EpisodeSummary& summary, const Game& game) {
  py::dict agent_sums;
  for (std::size_t stat = 0; stat < game.agent_stat_names.size(); ++stat) {
    if (summary.agent_stat_seen[stat]) agent_sums[py::str(game.agent_stat_names[stat])] = summary.agent_stat_sums[stat];
  }
  for (const auto& [index, sum] : summary.invalid_index_sums) {
    agent_sums[py::str("action.invalid_index." + std::to_string(index))] = sum;
  }
  py::dict game_stats;
  for (std::size_t stat = 0; stat < game.game_stat_names.size(); ++stat) {
    if (summary.game_stat_seen[stat]) game_stats[py::str(game.game_stat_names[stat])] = summary.game_stats[stat];
  }
  py::dict result;
  result["world"] = summary.world;
  result["env_steps"] = summary.env_steps;
  result["token_overflow"] = summary.token_overflow;
  result["early_end_set"] = summary.early_end_set;
  result["episode_rewards"] = py::array_t<float>(static_cast<py::ssize_t>(summary.rewards.size()), summary.rewards.data());
  result["agent_stat_sums"] = agent_sums;
  result["game_stats"] = game_stats;
  return result;
}

class PyBatch {
 public:
  PyBatch(const CompiledGame& game, std::size_t worlds, std::size_t threads, std::size_t groups)
      : game_(game.game), batch_(game.game, checked(worlds, "num_worlds"), checked(threads, "num_threads"),
                                 checked(groups, "num_groups")) {
    if (worlds % groups != 0) throw py::value_error("num_worlds must be a multiple of num_groups");
  }

  void attach(const py::array& observations, const py::array& rewards, const py::array& terminals,
              const py::array& truncations, const py::array& actions, const py::object& vibe_actions) {
    require_idle();
    const std::size_t rows = batch_.num_worlds() * game_->num_agents;
    Buffers buffers;
    buffers.observations =
        array_data<std::uint8_t>(observations, "observations", {rows, game_->observation.num_tokens, 3}, true);
    buffers.rewards = array_data<float>(rewards, "rewards", {rows}, true);
    buffers.terminals = array_data<bool>(terminals, "terminals", {rows}, true);
    buffers.truncations = array_data<bool>(truncations, "truncations", {rows}, true);
    buffers.actions = array_data<std::int32_t>(actions, "actions", {rows}, false);
    buffers.vibe_actions = vibe_actions.is_none()
                               ? nullptr
                               : array_data<std::int32_t>(vibe_actions.cast<py::array>(), "vibe_actions", {rows}, false);
    kept_ = py::make_tuple(observations, rewards, terminals, truncations, actions, vibe_actions);
    batch_.attach(buffers);
  }

  void begin_episode(std::size_t world, const CompiledMap& map, std::uint32_t seed) {
    check_episode(world, map);
    require_idle();
    const py::gil_scoped_release release;
    batch_.begin_episode(world, map.map, seed);
  }
  void set_next_episode(std::size_t world, const CompiledMap& map, std::uint32_t seed) {
    check_episode(world, map);
    require_idle();
    batch_.set_next_episode(world, map.map, seed);
  }
  void show_flags(std::size_t world) {
    check_world(world);
    require_idle();
    batch_.show_flags(world);
  }
  void end_early(std::size_t world, std::uint32_t env_step) {
    check_world(world);
    require_idle();
    batch_.end_early(world, env_step);
  }

  void step() {
    require_idle();
    require_attached();
    {
      const py::gil_scoped_release release;
      batch_.step();
    }
    raise_failures();
  }
  void step_async(std::size_t group) {
    check_group(group);
    require_attached();
    if (stepping_[group]) throw py::value_error("group " + std::to_string(group) + " is stepping already");
    stepping_[group] = true;
    batch_.step_async(group);
  }
  void wait(std::size_t group) {
    check_group(group);
    if (!stepping_[group]) throw py::value_error("group " + std::to_string(group) + " is not stepping");
    {
      const py::gil_scoped_release release;
      batch_.wait(group);
    }
    stepping_[group] = false;
    raise_failures(group);
  }

  py::list take_ended(const std::optional<std::size_t>& group) {
    if (group) check_group(*group);
    py::list ended;
    for (const EpisodeSummary& summary : batch_.take_ended(group)) ended.append(summary_dict(summary, *game_));
    return ended;
  }

  const World& begun_world(std::size_t world) const {
    check_world(world);
    require_idle();
    if (!batch_.world(world).game) throw py::value_error("world " + std::to_string(world) + " has not begun");
    return batch_.world(world);
  }
  py::array_t<float> episode_rewards(std::size_t world) const {
    const std::vector<float>& rewards = begun_world(world).episode_rewards;
    return py::array_t<float>(static_cast<py::ssize_t>(rewards.size()), rewards.data());
  }
  void close() {
    for (std::size_t group = 0; group < batch_.num_groups(); ++group) {
      if (stepping_[group]) batch_.wait(group);
      stepping_[group] = false;
    }
  }
  ~PyBatch() { close(); }

  std::size_t num_worlds() const { return batch_.num_worlds(); }
  std::pair<std::size_t, std::size_t> group_worlds(std::size_t group) const {
    check_group(group);
    return {batch_.first_world(group), batch_.first_world(group + 1)};
  }

 private:
  static std::size_t checked(std::size_t count, const char* name) {
    if (count == 0) throw py::value_error(std::string(name) + " must be at least 1");
    return count;
  }
  void check_world(std::size_t world) const {
    if (world >= batch_.num_worlds()) throw py::index_error("no world " + std::to_string(world));
  }
  void check_group(std::size_t group) const {
    if (group >= batch_.num_groups()) throw py::index_error("no group " + std::to_string(group));
  }
  void check_episode(std::size_t world, const CompiledMap& map) const {
    check_world(world);
    require_attached();
    if (map.game != game_) throw py::value_error("the map was compiled for another game");
  }
  void require_attached() const {
    if (kept_.is_none()) throw py::value_error("attach buffers first");
  }
  // Between step_async and wait the worlds of that group belong to the threads.
  void require_idle() const {
    for (std::size_t group = 0; group < batch_.num_groups(); ++group) {
      if (stepping_[group]) throw py::value_error("group " + std::to_string(group) + " is stepping: wait for it first");
    }
  }
  void raise_failures(const std::optional<std::size_t>& group = std::nullopt) {
    const std::vector<WorldFailure> failures = batch_.take_failures(group);
    if (failures.empty()) return;
    std::string message;
    for (const WorldFailure& failure : failures) {
      if (!message.empty()) message += "\n";
      message += "world " + std::to_string(failure.world) + ", env step " + std::to_string(failure.env_step);
      if (failure.agent != kNoAgent) message += ", agent " + std::to_string(failure.agent);
      message += ": " + failure.message;
    }
    throw WorldError(message + "\nThe other worlds go on; begin a new episode in this one.");
  }

  std::shared_ptr<const Game> game_;
  Batch batch_;
  std::vector<bool> stepping_ = std::vector<bool>(batch_.num_groups());
  py::object kept_ = py::none();  // keeps the caller's arrays alive while worlds write to them
};

}  // namespace

void register_batch(py::module_& m) {
  py::class_<CompiledMap>(m, "CompiledMap")
      .def(py::init([](const CompiledGame& game, const py::array& cells) {
             return CompiledMap{game.game, std::make_shared<const Map>(map_from_array(cells, *game.game))};
           }),
           py::arg("game"), py::arg("cells"), "cells: int16 [height, width] of cell kinds, -1 for empty.");
  py::class_<PyBatch>(m, "Batch")
      .def(py::init<const CompiledGame&, std::size_t, std::size_t, std::size_t>(), py::arg("game"),
           py::arg("num_worlds"), py::arg("num_threads") = 1, py::arg("num_groups") = 1)
      .def("attach", &PyBatch::attach, py::arg("observations"), py::arg("rewards"), py::arg("terminals"),
           py::arg("truncations"), py::arg("actions"), py::arg("vibe_actions"),
           "Rows of all worlds, one after the other; vibe_actions may be None. Raises TypeError or ValueError for a\n"
           "wrong array.")
      .def("begin_episode", &PyBatch::begin_episode, py::arg("world"), py::arg("map"), py::arg("seed"))
      .def("set_next_episode", &PyBatch::set_next_episode, py::arg("world"), py::arg("map"), py::arg("seed"),
           "The episode that the world begins in the step that ends the running one.")
      .def("show_flags", &PyBatch::show_flags, py::arg("world"),
           "The flags in the world's rows tell of the episode before: the next step clears them.")
      .def("end_early", &PyBatch::end_early, py::arg("world"), py::arg("env_step"),
           "Truncates the running episode at that env step.")
      .def("step", &PyBatch::step, "One step of every world, GIL released. RuntimeError names worlds that failed.")
      .def("step_async", &PyBatch::step_async, py::arg("group"), "Starts one step of a group and returns.")
      .def("wait", &PyBatch::wait, py::arg("group"), "Until the group has stepped, GIL released. Raises as step.")
      .def("take_ended", &PyBatch::take_ended, py::arg("group") = py::none(),
           "Summaries of the episodes that ended since the last call, of one group or of all.")
      .def("episode_stats", [](const PyBatch& self, std::size_t world) { return episode_stats(self.begun_world(world)); })
      .def("object_records",
           [](const PyBatch& self, std::size_t world) { return object_records(self.begun_world(world)); })
      .def("episode_rewards", &PyBatch::episode_rewards, py::arg("world"))
      .def("group_worlds", &PyBatch::group_worlds, py::arg("group"), "(first, end) of a group's worlds.")
      .def("world_bytes", [](const PyBatch& self, std::size_t world) { return self.begun_world(world).bytes(); })
      .def("close", &PyBatch::close);
}

}  // namespace metta::bindings
