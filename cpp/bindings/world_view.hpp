// What Python may read of a world: statistics and objects.
#pragma once

#include <pybind11/pybind11.h>

#include "world/world.hpp"

namespace metta::bindings {

// {"game": {name: float}, "agent": [{name: float}, ...]}, names sorted.
pybind11::dict episode_stats(const World& world);
// One dict an object in id order: id, type_name, r, c, vibe, tags, inventory and limits; agents add their own fields.
pybind11::list object_records(const World& world);

}  // namespace metta::bindings
