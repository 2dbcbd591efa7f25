#include "rules/movement.hpp"

#include "rules/territory.hpp"

namespace metta {

bool move_object(World& world, ObjectIndex object, Location to) {
  if (!world.on_grid(to) || world.object_at(to) != kNoObject) return false;
  if (world.object_at(world.objects[object].location) == object) {
    world.shift(object, to);
  } else {  // it was removed; what stands on its old cell goes, also when that is the object itself again
    const Location from = world.objects[object].location;
    world.put(object, to);
    world.clear_cell(from);
  }
  if (world.game->any_territory_control) territory_source_moved(world, object);
  return true;
}

void swap_objects(World& world, ObjectIndex a, ObjectIndex b) {
  const Location place_of_a = world.objects[a].location;
  const Location place_of_b = world.objects[b].location;
  world.put(b, place_of_a);
  world.put(a, place_of_b);  // second: of two in one cell (one was removed before) this one is found there afterwards
  if (world.game->any_territory_control) {
    territory_source_moved(world, a);
    territory_source_moved(world, b);
  }
}

}  // namespace metta
