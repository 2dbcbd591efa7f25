// Many worlds over one set of buffers: checks, GIL, and what ended episodes leave behind. No logic.
#include "batch/batch.hpp"

#include <algorithm>
#include <optional>
#include <variant>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/actions.hpp"
#include "bindings/arrays.hpp"
#include "bindings/compiled_game.hpp"
#include "bindings/world_view.hpp"

namespace py = pybind11;

namespace metta::bindings {

namespace {

// Names of statistics as Python's own strings, which remember their hashes.
std::vector<py::str> python_strings(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

// What a group's worlds are being used for. Read and written under the GIL only.
enum class Use : std::uint8_t {
  idle,
  stepping,  // between step_async and wait they belong to the batch's threads
  held,      // a call that has released the GIL is at work on them
};

// Marks groups as held for as long as it lives.
class Hold {
 public:
  Hold(std::vector<Use>& use, std::size_t first, std::size_t end) : use_(use), first_(first), end_(end) {
    mark(Use::held);
  }
  ~Hold() { mark(Use::idle); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  void mark(Use as) const {
    std::fill(use_.begin() + static_cast<std::ptrdiff_t>(first_), use_.begin() + static_cast<std::ptrdiff_t>(end_), as);
  }
  std::vector<Use>& use_;
  std::size_t first_;
  std::size_t end_;
};

// What Python gives for a map: one that is compiled, or a seed for the batch's map maker.
using GivenMap = std::variant<CompiledMap, std::uint64_t>;

class PyBatch {
 public:
  PyBatch(const CompiledGame& game, std::size_t worlds, std::size_t threads, std::size_t groups,
          const std::optional<MapMaker>& map_maker)
      : game_(game.game), makes_maps_(map_maker.has_value()),
        agent_stat_names_(python_strings(game_->agent_stat_names)),
        game_stat_names_(python_strings(game_->game_stat_names)),
        batch_(game.game, checked(worlds, "num_worlds"), checked(threads, "num_threads"), checked(groups, "num_groups"),
               map_maker ? map_maker->maps : nullptr) {
    if (worlds % groups != 0) throw py::value_error("num_worlds must be a multiple of num_groups");
    if (map_maker && map_maker->game != game_) throw py::value_error("the map maker was made for another game");
  }

  void attach(const py::array& observations, const py::array& rewards, const py::array& terminals,
              const py::array& truncations, const py::array& actions, const py::object& vibe_actions) {
    // Worlds keep pointers into the arrays that they began with.
    if (!kept_.is_none()) throw py::value_error("buffers are attached already");
    const std::size_t rows = batch_.num_worlds() * game_->num_agents;
    Buffers buffers;
    buffers.observations =
        array_data<std::uint8_t>(observations, "observations", {rows, game_->observation.num_tokens, 3}, true);
    buffers.rewards = array_data<float>(rewards, "rewards", {rows}, true);
    buffers.terminals = array_data<bool>(terminals, "terminals", {rows}, true);
    buffers.truncations = array_data<bool>(truncations, "truncations", {rows}, true);
    buffers.actions = array_data<std::int32_t>(actions, "actions", {rows}, false);
    buffers.vibe_actions = optional_array_data<std::int32_t>(vibe_actions, "vibe_actions", {rows});
    const bool both = buffers.vibe_actions != nullptr;
    if (both && actions.writeable() && static_cast<const py::array&>(vibe_actions).writeable()) {
      streams_ = {const_cast<std::int32_t*>(buffers.actions), const_cast<std::int32_t*>(buffers.vibe_actions)};
    }
    kept_ = py::make_tuple(observations, rewards, terminals, truncations, actions, vibe_actions);
    batch_.attach(buffers);
  }

  void begin_episode(std::size_t world, const GivenMap& map, std::uint32_t seed) {
    const MapSource source = map_source(world, map);
    require_idle_world(world);
    const std::size_t group = group_of(world);
    const Hold hold(use_, group, group + 1);
    const py::gil_scoped_release release;
    batch_.begin_episode(world, source, seed);
  }
  void set_next_episode(std::size_t world, const GivenMap& map, std::uint32_t seed) {
    const MapSource source = map_source(world, map);
    require_idle_world(world);
    batch_.set_next_episode(world, source, seed);
  }
  void show_flags(std::size_t world) {
    check_world(world);
    require_idle_world(world);
    batch_.show_flags(world);
  }
  void end_early(std::size_t world, std::uint32_t env_step) {
    check_world(world);
    require_idle_world(world);
    batch_.end_early(world, env_step);
  }

  py::list step() {
    require_idle();
    require_attached();
    step_all();
    return take_failures();
  }
  py::object act(const py::object& actions, std::uint32_t num_primary, std::uint32_t num_vibes) {
    require_idle();
    if (streams_.primary == nullptr) throw py::value_error("act needs attached actions and vibe_actions to write to");
    const std::size_t rows = batch_.num_worlds() * game_->num_agents;
    if (!decode_given(actions, streams_, rows, {num_primary, num_vibes})) return py::bool_(false);
    step_all();
    if (!batch_.any_untaken()) return py::none();
    return take_failures();
  }
  void step_async(std::size_t group) {
    require_idle(std::optional<std::size_t>(group));
    require_attached();
    batch_.step_async(group);
    use_[group] = Use::stepping;
  }
  py::list wait(std::size_t group) {
    check_group(group);
    if (use_[group] == Use::held) throw_held(group);
    if (use_[group] == Use::idle) throw py::value_error("group " + std::to_string(group) + " is not stepping");
    {
      const Hold hold(use_, group, group + 1);
      const py::gil_scoped_release release;
      batch_.wait(group);
    }
    return take_failures(group);
  }

  py::list take_ended(const std::optional<std::size_t>& group) {
    require_idle(group);
    py::list ended;
    const std::vector<const EpisodeSummary*> summaries = batch_.take_ended(group);
    if (summaries.empty()) return ended;
    // To make Python's objects may run its garbage collector, and with it another thread: no world may step meanwhile.
    const Hold hold(use_, group.value_or(0), group ? *group + 1 : use_.size());
    for (const EpisodeSummary* summary : summaries) ended.append(summary_tuple(*summary));
    return ended;
  }

  bool has_ended() const { return batch_.any_untaken(); }

  const World& begun_world(std::size_t world) const {
    check_world(world);
    require_idle_world(world);
    if (!batch_.world(world).game) throw py::value_error("world " + std::to_string(world) + " has not begun");
    return batch_.world(world);
  }
  py::array_t<float> episode_rewards(std::size_t world) const {
    const std::vector<float>& rewards = begun_world(world).episode_rewards;
    return py::array_t<float>(static_cast<py::ssize_t>(rewards.size()), rewards.data());
  }
  // Waits for what is stepping. What became of it is not reported.
  void close() {
    for (std::size_t group = 0; group < use_.size(); ++group) {
      if (use_[group] == Use::held) throw_held(group);
      if (use_[group] == Use::idle) continue;
      const Hold hold(use_, group, group + 1);
      const py::gil_scoped_release release;
      batch_.wait(group);
    }
  }

  void require_idle(const std::optional<std::size_t>& group = std::nullopt) const {
    if (group) {
      check_group(*group);
      require_idle_group(*group);
    } else {
      for (std::size_t any = 0; any < use_.size(); ++any) require_idle_group(any);
    }
  }

  std::size_t num_worlds() const { return batch_.num_worlds(); }
  std::pair<std::size_t, std::size_t> group_worlds(std::size_t group) const {
    check_group(group);
    return {batch_.first_world(group), batch_.first_world(group + 1)};
  }

 private:
  void step_all() {
    const Hold hold(use_, 0, use_.size());
    const py::gil_scoped_release release;
    batch_.step();
  }
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
  MapSource map_source(std::size_t world, const GivenMap& map) const {
    check_world(world);
    require_attached();
    if (const auto* seed = std::get_if<std::uint64_t>(&map)) {
      if (!makes_maps_) throw py::value_error("the batch has no map maker for map seeds");
      return *seed;
    }
    const auto& compiled = std::get<CompiledMap>(map);
    if (compiled.game != game_) throw py::value_error("the map was compiled for another game");
    return compiled.map;
  }
  void require_attached() const {
    if (kept_.is_none()) throw py::value_error("attach buffers first");
  }
  std::size_t group_of(std::size_t world) const {
    std::size_t group = 0;
    while (world >= batch_.first_world(group + 1)) ++group;
    return group;
  }
  [[noreturn]] static void throw_held(std::size_t group) {
    throw py::value_error("group " + std::to_string(group) + " is in use by another thread");
  }
  void require_idle_group(std::size_t group) const {
    if (use_[group] == Use::held) throw_held(group);
    if (use_[group] == Use::idle) return;
    throw py::value_error("group " + std::to_string(group) + " is stepping already: wait for it first");
  }
  void require_idle_world(std::size_t world) const { require_idle_group(group_of(world)); }
  py::list take_failures(const std::optional<std::size_t>& group = std::nullopt) {
    py::list failures;
    for (const WorldFailure& failure : batch_.take_failures(group)) {
      const auto agent = failure.agent == kNoAgent ? std::nullopt : std::optional<std::uint32_t>(failure.agent);
      failures.append(py::make_tuple(failure.world, failure.env_step, agent, failure.message));
    }
    return failures;
  }

  py::tuple summary_tuple(const EpisodeSummary& summary) const {
    py::dict agent_sums;
    for (std::size_t stat = 0; stat < agent_stat_names_.size(); ++stat) {
      if (summary.agent_stat_seen[stat]) agent_sums[agent_stat_names_[stat]] = summary.agent_stat_sums[stat];
    }
    for (const auto& [index, sum] : summary.invalid_index_sums) {
      agent_sums[py::str("action.invalid_index." + std::to_string(index))] = sum;
    }
    py::dict game_stats;
    for (std::size_t stat = 0; stat < game_stat_names_.size(); ++stat) {
      if (summary.game_stat_seen[stat]) game_stats[game_stat_names_[stat]] = summary.game_stats[stat];
    }
    const auto agents = static_cast<py::ssize_t>(summary.rewards.size());
    return py::make_tuple(summary.world, summary.env_steps, summary.early_end_set,
                          py::array_t<float>(agents, summary.rewards.data()), agent_sums, game_stats,
                          summary.token_overflow);
  }

  std::shared_ptr<const Game> game_;
  bool makes_maps_;
  std::vector<py::str> agent_stat_names_;
  std::vector<py::str> game_stat_names_;
  // The caller's arrays. Before the batch: they have to outlive its threads, which write to them until it is gone.
  py::object kept_ = py::none();
  ActionStreams streams_;  // in those arrays; null where `act` cannot write to both
  Batch batch_;
  std::vector<Use> use_ = std::vector<Use>(batch_.num_groups(), Use::idle);
};

}  // namespace

void register_batch(py::module_& m) {
  py::class_<PyBatch>(m, "Batch")
      .def(py::init<const CompiledGame&, std::size_t, std::size_t, std::size_t, const std::optional<MapMaker>&>(),
           py::arg("game"), py::arg("num_worlds"), py::arg("num_threads") = 1, py::arg("num_groups") = 1,
           py::arg("map_maker") = py::none(), "With a map maker, episodes may be given map seeds instead of maps.")
      .def("attach", &PyBatch::attach, py::arg("observations"), py::arg("rewards"), py::arg("terminals"),
           py::arg("truncations"), py::arg("actions"), py::arg("vibe_actions"),
           "Rows of all worlds, one after the other; vibe_actions may be None. Raises TypeError or ValueError for a\n"
           "wrong array, ValueError when arrays are attached already.")
      .def("begin_episode", &PyBatch::begin_episode, py::arg("world"), py::arg("map"), py::arg("seed"))
      .def("set_next_episode", &PyBatch::set_next_episode, py::arg("world"), py::arg("map"), py::arg("seed"),
           "The episode that the world begins in the step that ends the running one.")
      .def("show_flags", &PyBatch::show_flags, py::arg("world"),
           "The flags in the world's rows tell of the episode before: the next step clears them.")
      .def("end_early", &PyBatch::end_early, py::arg("world"), py::arg("env_step"),
           "Truncates the running episode at that env step.")
      .def("step", &PyBatch::step,
           "One step of every world, GIL released. Returns (world, env step or None, agent or None, message) of every\n"
           "world that failed; it stands still until its next begin_episode.")
      .def("act", &PyBatch::act, py::arg("actions"), py::arg("num_primary"), py::arg("num_vibes"),
           "decode_actions into the attached arrays, then step. Returns False, with nothing done, where\n"
           "decode_actions does; None where no world failed and take_ended has nothing to tell; else as step.\n"
           "Raises ValueError unless actions and vibe_actions are attached and can be written.")
      .def("step_async", &PyBatch::step_async, py::arg("group"), "Starts one step of a group and returns.")
      .def("wait", &PyBatch::wait, py::arg("group"), "Until the group has stepped, GIL released. Returns as step.")
      .def("require_idle", &PyBatch::require_idle, py::arg("group") = py::none(),
           "Raises ValueError while the group, or any, is stepping.")
      .def("take_ended", &PyBatch::take_ended, py::arg("group") = py::none(),
           "Of each episode that ended since the last call, of one group or of all: the fields of EndedEpisode\n"
           "(engine/batch.py) in their order, and whether an agent saw more tokens than its observation holds.")
      .def("has_ended", [](const PyBatch& self) { return self.has_ended(); },
           "Whether take_ended may find anything in any group.")
      .def("episode_stats",
           [](const PyBatch& self, std::size_t world) { return episode_stats(self.begun_world(world)); })
      .def("object_records",
           [](const PyBatch& self, std::size_t world) { return object_records(self.begun_world(world)); })
      .def("episode_rewards", &PyBatch::episode_rewards, py::arg("world"))
      .def("group_worlds", &PyBatch::group_worlds, py::arg("group"), "(first, end) of a group's worlds.")
      .def("world_bytes", [](const PyBatch& self, std::size_t world) { return self.begun_world(world).bytes(); })
      .def("close", &PyBatch::close);
}

}  // namespace metta::bindings
