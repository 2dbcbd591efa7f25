#include "walkers.hpp"

#include <algorithm>
#include <string>

#include "game/finish.hpp"
#include "rules/movement.hpp"

namespace metta::tests {

namespace {

constexpr int kSide = 37;
constexpr int kBorder = 6;  // walls around the room, as thick as the largest window reaches
constexpr int kInnerWalls = 10;
constexpr int kChests = 30;

// Cell kinds, and object configs of the same numbers. Every agent has a config of its own.
enum Kind : CellKindId { kWall, kChest, kFirstAgent };

}  // namespace

std::shared_ptr<const Game> walkers(std::uint8_t window, std::uint32_t tokens) {
  Game game;
  game.num_agents = kAgents;
  game.max_steps = kEpisodeSteps;
  game.resource_names = {"ore", "battery", "heart", "laser", "armor", "energy"};
  for (int i = 0; i < 10; ++i) game.tag_names.push_back("tag" + std::to_string(i));
  game.vibe_names = {"default"};
  game.agent_stat_names = {"any", "visited", "unique_visited", "max_distance"};
  game.agent_stats.visited = 1;
  game.agent_stats.unique_visited = 2;
  game.agent_stats.max_distance = 3;
  game.resource_stats.resize(game.resource_names.size());
  game.game_stat_names = {"written", "dropped", "free", "objects"};
  game.game_stats.tokens_written = 0;
  game.game_stats.tokens_dropped = 1;
  game.game_stats.tokens_free_space = 2;

  game.objects.resize(kFirstAgent + kAgents);
  game.objects[kWall].kind = ObjectKind::wall;
  game.objects[kWall].tags = {9};
  game.objects[kChest].tags = {3, 4};
  for (std::size_t i = kFirstAgent; i < game.objects.size(); ++i) {
    game.objects[i].kind = ObjectKind::agent;
    game.objects[i].tags = {1, 8};
    game.objects[i].inventory.initial = {{0, 1}, {5, 100}};
  }
  for (std::size_t i = 0; i < game.objects.size(); ++i) {
    game.cell_kinds.push_back({"", static_cast<ObjectConfigId>(i), 3});
  }

  ObservationConfig& seen = game.observation;
  seen.num_tokens = tokens;
  seen.width = seen.height = window;
  seen.episode_completion = seen.last_action = seen.last_reward = seen.local_position = true;
  const auto features = static_cast<std::uint8_t>(game.resource_names.size() * seen.inventory_digits);
  for (std::uint8_t feature = 0; feature < features; ++feature) seen.inventory_features.push_back(feature);
  return finish_game(std::move(game));
}

Map room(std::mt19937& random) {
  Map map{kSide, kSide, std::vector<CellKindId>(kSide * kSide, kWall)};
  std::vector<std::size_t> free;
  for (int row = kBorder; row < kSide - kBorder; ++row) {
    for (int col = kBorder; col < kSide - kBorder; ++col) free.push_back(static_cast<std::size_t>(row * kSide + col));
  }
  for (const std::size_t cell : free) map.cells[cell] = kEmptyCell;
  std::shuffle(free.begin(), free.end(), random);
  auto next = free.begin();
  for (int i = 0; i < kInnerWalls; ++i) map.cells[*next++] = kWall;
  for (int i = 0; i < kChests; ++i) map.cells[*next++] = kChest;
  for (std::uint32_t i = 0; i < kAgents; ++i) map.cells[*next++] = static_cast<CellKindId>(kFirstAgent + i);
  return map;
}

void move_everybody(World& world, std::mt19937& random) {
  ++world.step;
  for (const Agent& agent : world.agents) {
    const Direction way = kOrientations[random() % 4];
    const Location at = world.objects[agent.object].location;
    move_object(world, agent.object, {static_cast<std::uint16_t>(at.row + way.row),
                                      static_cast<std::uint16_t>(at.col + way.col)});
  }
}

}  // namespace metta::tests
