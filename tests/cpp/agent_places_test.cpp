// Agents around a place: none is missed on any map, none is invented on a map without huge distances.
#include <cstdint>
#include <memory>
#include <string>

#include "check.hpp"
#include "world/agent_places.hpp"
#include "world/world.hpp"

namespace metta::tests {

namespace {

World world_of_agents(int agents, int most, Draws& draw) {
  auto game = std::make_shared<Game>();
  game->num_agents = static_cast<std::uint32_t>(agents);
  World world;
  world.game = game;
  for (int i = 0; i < agents; ++i) {
    Agent& agent = world.agents.emplace_back();
    agent.object = static_cast<ObjectIndex>(i);
    Object& object = world.objects.emplace_back();
    object.location = {static_cast<std::uint16_t>(draw(0, most)), static_cast<std::uint16_t>(draw(0, most))};
  }
  return world;
}

bool within(Location a, Location b, std::int64_t radius) {
  const std::int64_t rows = std::int64_t{a.row} - b.row;
  const std::int64_t cols = std::int64_t{a.col} - b.col;
  return rows * rows + cols * cols <= radius * radius;
}

}  // namespace

void test_agent_places() {
  Draws draw(5);
  for (int round = 0; round < 200; ++round) {
    const int most = round % 2 == 0 ? draw(1, 400) : 65535;
    const int agents = draw(1, 150);
    const World world = world_of_agents(agents, most, draw);
    AgentPlaces places;
    places.gather(world);
    for (const int radius : {0, 1, draw(2, 180), 181, 182, draw(183, 32766), 32767, 32768, 100000}) {
      const std::string about = "round " + std::to_string(round) + ", radius " + std::to_string(radius);
      const Location centre = world.objects[static_cast<std::size_t>(draw(0, agents - 1))].location;
      for (int row = 0; row < (agents + 63) / 64 * 64; ++row) {
        const auto word = static_cast<std::uint32_t>(row / 64);
        const bool found = (places.around(centre, static_cast<std::uint32_t>(radius), word) >> (row % 64)) & 1U;
        const bool there = row < agents && within(centre, world.objects[static_cast<std::size_t>(row)].location, radius);
        CHECK(found || !there, about);
        if (row >= agents || (most <= 400 && radius <= 181)) CHECK(found == there, about);
      }
    }
  }
}

}  // namespace metta::tests
