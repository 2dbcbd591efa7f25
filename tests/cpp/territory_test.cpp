// Sums of influence, kept up to date as sources move, change their tags and vanish: equal to a count from scratch.
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "episode/construct.hpp"
#include "game/finish.hpp"
#include "rules/lifecycle.hpp"
#include "rules/movement.hpp"
#include "rules/territory.hpp"

namespace metta::tests {

namespace {

constexpr TagId kTags = 3;

std::shared_ptr<const Game> territory_game(Draws& draw) {
  Game game;
  game.num_agents = 1;
  game.tag_names = {"a", "b", "c"};
  game.agent_stat_names = {"stat"};
  game.game_stat_names = {"stat"};
  game.observation.num_tokens = 200;
  game.observation.width = game.observation.height = 5;
  game.territories.resize(2);
  game.territories[0].tags = {0, 1, 2};
  game.territories[1].tags = {1, 2};
  ObjectConfig agent;
  agent.kind = ObjectKind::agent;
  game.objects.push_back(agent);
  for (int i = 0; i < 4; ++i) {
    ObjectConfig source;
    for (std::uint16_t territory = 0; territory < 2; ++territory) {
      source.territory_controls.push_back({territory, draw(1, 12), draw(1, 4)});
    }
    source.tags = {static_cast<TagId>(i % kTags)};
    game.objects.push_back(source);
  }
  for (std::size_t i = 0; i < game.objects.size(); ++i) {
    game.cell_kinds.push_back({std::to_string(i), static_cast<ObjectConfigId>(i), 0});
  }
  return finish_game(game);
}

// 1024 times the distance, rounded down, found by trying.
std::int64_t distance_1024(std::int64_t rows, std::int64_t cols) {
  const std::int64_t square = (rows * rows + cols * cols) * 1024 * 1024;
  std::int64_t root = 0;
  for (std::int64_t bit = std::int64_t{1} << 30; bit > 0; bit /= 2) {
    if ((root + bit) * (root + bit) <= square) root += bit;
  }
  return root;
}

std::int32_t expected_owner(const World& world, std::size_t territory, int row, int col) {
  std::int64_t sums[kTags] = {};
  for (const TerritorySource& source : world.territory.sources) {
    const TerritoryControl& control = world.config_of(source.object).territory_controls[source.control];
    if (control.territory != territory) continue;
    for (const TagId tag : world.game->territories[territory].tags) {
      if (!world.has_tag(source.object, tag)) continue;
      const Location at = world.objects[source.object].location;
      // Nothing reaches beyond the whole number of cells at which the influence ends.
      const std::int64_t radius = control.strength / control.decay;
      const std::int64_t rows = row - at.row;
      const std::int64_t cols = col - at.col;
      if (rows * rows + cols * cols > radius * radius) break;
      const std::int64_t score = control.strength * 1024 - control.decay * distance_1024(rows, cols);
      if (score > 0) sums[tag] += score;
      break;  // it counts for the first of the territory's tags that it has
    }
  }
  std::int32_t owner = kAbsent;
  bool tie = false;
  for (TagId tag = 0; tag < kTags; ++tag) {
    if (sums[tag] == 0) continue;
    if (owner == kAbsent || sums[tag] > sums[owner]) {
      owner = tag;
      tie = false;
    } else if (sums[tag] == sums[owner]) {
      tie = true;
    }
  }
  return tie ? kAbsent : owner;
}

void check_owners(World& world, int round) {
  refresh_territory(world);
  for (std::size_t territory = 0; territory < 2; ++territory) {
    for (int row = 0; row < world.height; ++row) {
      for (int col = 0; col < world.width; ++col) {
        const std::size_t cell = static_cast<std::size_t>(row) * world.width + static_cast<std::size_t>(col);
        CHECK(territory_owner(world, cell, territory) == expected_owner(world, territory, row, col),
              "round " + std::to_string(round));
      }
    }
  }
}

}  // namespace

void test_territory() {
  Draws draw(8);
  for (int round = 0; round < 25; ++round) {
    const auto game = territory_game(draw);
    Map map;
    map.height = static_cast<std::uint16_t>(draw(2, 9));
    map.width = static_cast<std::uint16_t>(draw(3, 9));
    map.cells.assign(std::size_t{map.height} * map.width, kEmptyCell);
    map.cells[0] = 0;
    for (std::size_t cell = 1; cell < map.cells.size(); ++cell) {
      if (draw(0, 7) == 0) map.cells[cell] = static_cast<CellKindId>(draw(1, 4));
    }
    World world;
    construct_world(world, game, map, 1);
    check_owners(world, round);
    if (world.territory.sources.empty()) continue;
    for (int change = 0; change < 12; ++change) {
      const auto object = static_cast<ObjectIndex>(draw(kFirstObject + 1, static_cast<int>(world.objects.size()) - 1));
      const auto tag = static_cast<TagId>(draw(0, kTags - 1));
      switch (draw(0, 2)) {
        case 0:
          move_object(world, object, {static_cast<std::uint16_t>(draw(0, map.height - 1)),
                                      static_cast<std::uint16_t>(draw(0, map.width - 1))});
          break;
        case 1:
          world.give_tag(object, tag);
          break;
        default:
          world.strip_tag(object, tag);
          break;
      }
      check_owners(world, round);
    }
  }
}

}  // namespace metta::tests
