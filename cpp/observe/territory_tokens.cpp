#include "observe/territory_tokens.hpp"

#include <algorithm>

#include "rules/territory.hpp"

namespace metta {

namespace {

constexpr Direction kBorderDirections[4] = {{-1, 0}, {1, 0}, {0, 1}, {0, -1}};  // north, south, east, west

std::uint8_t label(const World& world, std::int32_t owner, ObjectIndex observer) {
  if (owner == kAbsent) return 0;
  return world.has_tag(observer, static_cast<TagId>(owner)) ? 1 : 2;
}

bool differs_from_a_neighbour(const World& world, std::size_t cell, int row, int col) {
  const std::int32_t owner = observed_owner(world, cell);
  return (row > 0 && observed_owner(world, cell - world.width) != owner) ||
         (row + 1 < world.height && observed_owner(world, cell + world.width) != owner) ||
         (col > 0 && observed_owner(world, cell - 1) != owner) ||
         (col + 1 < world.width && observed_owner(world, cell + 1) != owner);
}

}  // namespace

std::uint8_t territory_label(const World& world, Location at, ObjectIndex observer) {
  return label(world, observed_owner(world, world.cell(at)), observer);
}

void refresh_territory_borders(World& world) {
  refresh_territory(world);
  TerritoryState& state = world.territory;
  if (!state.borders_stale) return;
  state.borders_stale = false;
  state.borders.assign(world.bit_layout.num_words(), 0);
  for (int row = 0; row < world.height; ++row) {
    for (int col = 0; col < world.width; ++col) {
      const std::size_t cell = static_cast<std::size_t>(row) * world.width + static_cast<std::size_t>(col);
      if (!differs_from_a_neighbour(world, cell, row, col)) continue;
      const BitPlace place =
          world.bit_layout.place({static_cast<std::uint16_t>(row), static_cast<std::uint16_t>(col)});
      state.borders[place.word] |= place.bit;
    }
  }
}

void write_territory_borders(const Game& game, const World& world, ObjectIndex observer, std::size_t clamp,
                             const WindowCell& cell, TokenWriter& writer) {
  const ObservationConfig& observation = game.observation;
  const Location at = world.objects[observer].location;
  const int row = at.row + cell.row;
  const int col = at.col + cell.col;
  const Location place{static_cast<std::uint16_t>(row), static_cast<std::uint16_t>(col)};
  const std::size_t here = world.cell(place);
  const std::int32_t owner = observed_owner(world, here);
  const std::uint8_t owner_label = label(world, owner, observer);
  for (std::size_t i = 0; i < 4; ++i) {
    const Direction step = kBorderDirections[i];
    const int window_row = cell.row + step.row + observation.row_radius;
    const int window_col = cell.col + step.col + observation.col_radius;
    if (window_row < 0 || window_row >= observation.height) continue;
    if (window_col < 0 || window_col >= observation.width) continue;
    if (!((observation.tables.masks[clamp][static_cast<std::size_t>(window_row)] >> window_col) & 1U)) continue;
    if (row + step.row < 0 || row + step.row >= world.height || col + step.col < 0 || col + step.col >= world.width) {
      continue;
    }
    const std::int32_t other = observed_owner(
        world, here + static_cast<std::size_t>(step.row * static_cast<int>(world.width) + step.col));
    const std::uint8_t other_label = label(world, other, observer);
    // Between two owners that are both the observer's own there is no border, between two foreign ones there is.
    if (other == owner || (other_label == 1 && owner_label == 1)) continue;
    writer.token(cell.packed, observation.features.territory_boundary[i],
                 static_cast<std::uint8_t>(3 * owner_label + other_label));
  }
}

}  // namespace metta
