// Maps as Python holds them: compiled ones, and what makes them from seeds. Checks, no logic.
#include <numeric>
#include <optional>
#include <vector>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/compiled_game.hpp"
#include "episode/numpy_random.hpp"
#include "episode/random_maps.hpp"

namespace py = pybind11;

namespace metta::bindings {

namespace {

MapMaker finished(const CompiledGame& game, const py::array& frame, RandomMaps maps) {
  maps.frame = map_from_array(frame, *game.game);
  check_random_maps(maps, *game.game);
  return {game.game, std::make_shared<const RandomMaps>(std::move(maps))};
}

py::array_t<CellKindId> cells_of_seed(const MapMaker& maker, std::uint64_t seed) {
  MapScratch scratch;
  const Map& map = make_map(*maker.maps, seed, scratch);
  return py::array_t<CellKindId>({map.height, map.width}, map.cells.data());
}

std::vector<std::vector<std::uint32_t>> numpy_shuffles(std::uint64_t seed, std::optional<std::uint32_t> child,
                                                       const std::vector<std::uint32_t>& lengths) {
  NumpyRandom random(seed, child);
  std::vector<std::vector<std::uint32_t>> shuffled;
  for (const std::uint32_t length : lengths) {
    std::vector<std::uint32_t>& items = shuffled.emplace_back(length);
    std::iota(items.begin(), items.end(), 0U);
    random.shuffle(items.data(), items.size());
  }
  return shuffled;
}

}  // namespace

void register_maps(py::module_& m) {
  py::class_<CompiledMap>(m, "CompiledMap")
      .def(py::init([](const CompiledGame& game, const py::array& cells) {
             return CompiledMap{game.game, std::make_shared<const Map>(map_from_array(cells, *game.game))};
           }),
           py::arg("game"), py::arg("cells"), "cells: int16 [height, width] of cell kinds, -1 for empty.");
  py::class_<RandomMaps>(m, "RandomMaps")
      .def(py::init<>())
      .def_readwrite("room_height", &RandomMaps::room_height)
      .def_readwrite("room_width", &RandomMaps::room_width)
      .def_readwrite("corners", &RandomMaps::corners)
      .def_readwrite("things", &RandomMaps::things)
      .def_readwrite("teams", &RandomMaps::teams)
      .def_readwrite("first_room_is_early", &RandomMaps::first_room_is_early)
      .def_readwrite("places_are_shuffled", &RandomMaps::places_are_shuffled);
  py::class_<MapMaker>(m, "MapMaker")
      .def(py::init(&finished), py::arg("game"), py::arg("frame"), py::arg("maps"),
           "frame: int16 [height, width] of cell kinds, -1 for empty. Raises ValueError for what is out of range.")
      .def("cells", &cells_of_seed, py::arg("seed"), "The map of a seed, as CompiledMap takes it.");
  m.def("stand_in", &stand_in, py::arg("team"), "What stands in RandomMaps.things for an agent of a team.");
  m.def("numpy_shuffles", &numpy_shuffles, py::arg("seed"), py::arg("child"), py::arg("lengths"),
        "0, 1, 2 and so on of each length, shuffled one after the other by default_rng(seed), or by the child of that\n"
        "number which it spawns.");
}

}  // namespace metta::bindings
