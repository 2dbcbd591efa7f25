// One world for one episode, for tests and tools: checks, buffers, GIL. Many worlds: bindings/batch.cpp.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>

#include "bindings/arrays.hpp"
#include "bindings/compiled_game.hpp"
#include "bindings/world_view.hpp"
#include "episode/step.hpp"
#include "game/hash_order.hpp"
#include "rules/inventory.hpp"

namespace py = pybind11;

namespace metta::bindings {

Map map_from_array(const py::array& cells, const Game& game) {
  if (cells.ndim() != 2 || cells.shape(0) == 0 || cells.shape(1) == 0 || cells.shape(0) > 65535 ||
      cells.shape(1) > 65535) {
    throw py::value_error("map cells must be a non-empty [height, width] array of at most 65535 rows and columns");
  }
  const auto height = static_cast<std::size_t>(cells.shape(0));
  const auto width = static_cast<std::size_t>(cells.shape(1));
  const CellKindId* data = array_data<CellKindId>(cells, "map cells", {height, width}, false);
  Map map{static_cast<std::uint16_t>(height), static_cast<std::uint16_t>(width), {data, data + height * width}};
  for (const CellKindId kind : map.cells) {
    if (kind < kEmptyCell || kind >= static_cast<std::int64_t>(game.cell_kinds.size())) {
      throw py::value_error("map cells name cell kind " + std::to_string(kind) + ", the game has " +
                            std::to_string(game.cell_kinds.size()));
    }
  }
  return map;
}

namespace {

class PyWorld {
 public:
  PyWorld(const CompiledGame& game, const py::array& cells, std::uint32_t seed) {
    construct_world(world_, game.game, map_from_array(cells, *game.game), seed);
  }

  void attach(const py::array& observations, const py::array& rewards, const py::array& terminals,
              const py::array& truncations) {
    require_idle();
    const std::size_t agents = world_.game->num_agents;
    Buffers buffers;
    buffers.observations =
        array_data<std::uint8_t>(observations, "observations", {agents, world_.game->observation.num_tokens, 3}, true);
    buffers.rewards = array_data<float>(rewards, "rewards", {agents}, true);
    buffers.terminals = array_data<bool>(terminals, "terminals", {agents}, true);
    buffers.truncations = array_data<bool>(truncations, "truncations", {agents}, true);
    kept_ = py::make_tuple(observations, rewards, terminals, truncations);
    guarded([&] { attach_buffers(world_, buffers); });
  }

  void step(const py::array& actions, const py::object& vibe_actions) {
    require_idle();
    if (world_.buffers.observations == nullptr) throw py::value_error("attach buffers before the first step");
    const std::size_t agents = world_.game->num_agents;
    world_.buffers.actions = array_data<std::int32_t>(actions, "actions", {agents}, false);
    world_.buffers.vibe_actions = optional_array_data<std::int32_t>(vibe_actions, "vibe_actions", {agents});
    guarded([&] {
      py::gil_scoped_release release;
      step_world(world_);
    });
  }

  py::array_t<bool> action_success() const {
    const std::vector<std::uint8_t>& success = world().action_success;
    return py::array_t<bool>(static_cast<py::ssize_t>(success.size()), reinterpret_cast<const bool*>(success.data()));
  }
  py::array_t<float> episode_rewards() const {
    const std::vector<float>& rewards = world().episode_rewards;
    return py::array_t<float>(static_cast<py::ssize_t>(rewards.size()), rewards.data());
  }

  void set_inventory_of(std::uint32_t agent, const std::vector<std::pair<ResourceId, Quantity>>& amounts) {
    require_idle();
    if (agent >= world_.game->num_agents) throw py::index_error("no agent " + std::to_string(agent));
    std::vector<ResourceId> keys;
    for (const auto& entry : amounts) {
      if (entry.first >= world_.game->num_resources()) {
        throw py::index_error("no resource " + std::to_string(entry.first));
      }
      keys.push_back(entry.first);
    }
    std::vector<std::pair<ResourceId, Quantity>> ordered;
    for (const ResourceId key : hash_order(keys, true)) {
      for (const auto& entry : amounts) {
        if (entry.first == key) ordered.push_back(entry);
      }
    }
    guarded([&] { set_inventory(world_, world_.agents[agent].object, ordered); });
  }

  const World& world() const {
    require_idle();
    return world_;
  }

 private:
  // The GIL is released while the world steps: other threads may call meanwhile.
  void require_idle() const {
    if (stepping_) throw py::value_error("another thread is stepping this world");
  }
  // A rule that broke leaves the step half done: nothing more may be asked of this world than what it holds.
  template <typename Work>
  void guarded(const Work& work) {
    if (failed_) throw WorldError("this world stopped at an earlier error");
    stepping_ = true;
    try {
      work();
    } catch (...) {
      failed_ = true;
      stepping_ = false;
      throw;
    }
    stepping_ = false;
  }

  World world_;
  py::object kept_;  // keeps the caller's arrays alive while the world writes to them
  bool failed_ = false;
  bool stepping_ = false;
};

}  // namespace

void register_world(py::module_& m) {
  py::class_<PyWorld>(m, "World")
      .def(py::init<const CompiledGame&, const py::array&, std::uint32_t>(), py::arg("game"), py::arg("cells"),
           py::arg("seed"))
      .def("attach", &PyWorld::attach, py::arg("observations"), py::arg("rewards"), py::arg("terminals"),
           py::arg("truncations"),
           "Zeroes the arrays and writes the first observations. The arrays are written in place by every step.\n\n"
           "observations uint8 [agents, tokens, 3], rewards float32 [agents], terminals and truncations bool [agents].\n"
           "Raises TypeError or ValueError for a wrong array, RuntimeError when tokens exceed the budget.")
      .def("step", &PyWorld::step, py::arg("actions"), py::arg("vibe_actions"),
           "One step. Both int32 [agents] in the engine's numbering; vibe_actions may be None. Releases the GIL.")
      .def("action_success", &PyWorld::action_success, "A copy, bool [agents].")
      .def("episode_rewards", &PyWorld::episode_rewards, "A copy, float32 [agents].")
      .def("set_inventory", &PyWorld::set_inventory_of, py::arg("agent"), py::arg("amounts"))
      .def("episode_stats", [](const PyWorld& self) { return episode_stats(self.world()); })
      .def("object_records", [](const PyWorld& self) { return object_records(self.world()); })
      .def_property_readonly("current_step", [](const PyWorld& self) { return self.world().step; });
}

}  // namespace metta::bindings
