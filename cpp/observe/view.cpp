#include "observe/view.hpp"

#include "observe/visibility.hpp"
#include "observe/window_cut.hpp"

namespace metta {

void look_around(const Game& game, const World& world, std::uint32_t first, std::size_t clamp, std::span<View> views) {
  const ObservationConfig& observation = game.observation;
  std::uint32_t row = first;
  for (View& view : views) {
    const Location at = world.objects[world.agents[row++].object].location;
    const int first_row = at.row - observation.row_radius;
    const int first_col = at.col - observation.col_radius;
    const WindowCorner corner = world.bit_layout.corner(first_row, first_col);
    const WindowRows visible = visible_rows(game, world, at, clamp);
    const WindowRows objects = visible & cut_out(world.bit_layout, world.occupied, corner);
    view.clamp = clamp;
    view.corner = corner;
    view.first_cell = first_row * world.width + first_col;
    view.objects = objects;
    view.object_ranks = in_emission_order(observation.tables, objects);
    if (!observation.territory) continue;
    const WindowRows borders = cut_out(world.bit_layout, world.territory.borders, corner);
    view.border_ranks = in_emission_order(observation.tables, visible & borders);
  }
}

}  // namespace metta
