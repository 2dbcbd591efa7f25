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
    const WindowRows visible = visible_rows(game, world, at, clamp);
    const WindowRows objects = visible & cut_out(world.bit_layout, world.occupied, first_row, first_col);
    WindowRows shown = objects;
    if (observation.territory) {
      shown |= visible & cut_out(world.bit_layout, world.territory.borders, first_row, first_col);
    }
    view = {clamp, first_row, first_col, objects, in_emission_order(observation.tables, shown)};
  }
}

}  // namespace metta
