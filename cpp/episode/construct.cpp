#include "episode/construct.hpp"

#include <algorithm>

#include "observe/encoder.hpp"
#include "observe/object_tokens.hpp"
#include "rules/aoe.hpp"
#include "rules/coverage.hpp"
#include "rules/lifecycle.hpp"
#include "rules/rewards.hpp"
#include "rules/tags.hpp"
#include "rules/territory.hpp"

namespace metta {

namespace {

// Every array keeps its memory: an episode that needs no more than those before it allocates nothing.
void clear_world(World& world, const Map& map, std::uint32_t seed) {
  const Game& game = *world.game;
  const std::size_t cells = std::size_t{map.height} * map.width;
  world.random.reseed(seed);
  world.step = world.rule_time = 0;
  world.height = map.height;
  world.width = map.width;
  world.bit_layout.begin(map.height, map.width);
  world.grid.assign(cells, kNoObject);
  world.occupied.assign(world.bit_layout.num_words(), 0);
  world.vision_blockers.assign(world.bit_layout.num_words(), 0);
  // Two slots that stand on no cell: no object, and the proxy that acts for a territory.
  Object placeless;
  placeless.config = game.proxy_config;
  placeless.listed = false;
  // Room for exactly this map: objects made later are few, and thousands of worlds share the memory.
  const auto objects = static_cast<std::size_t>(std::count_if(
      map.cells.begin(), map.cells.end(), [](CellKindId kind) { return kind != kEmptyCell; }));
  world.objects.reserve(kFirstObject + objects);
  world.objects.assign(kFirstObject, placeless);
  world.tag_bits.reserve((kFirstObject + objects) * game.tag_words);
  world.tag_bits.assign(std::size_t{kFirstObject} * game.tag_words, 0);
  world.tokens.begin(game.objects.size(), cells);
  world.tokens.scratch.resize(most_pieces_of_an_object(game));
  world.tokens.objects.reserve(kFirstObject + objects);
  world.tokens.objects.assign(kFirstObject, TokenCache::kLookCloser);
  world.seen.begin(world.bit_layout.num_words(), cells);
  world.seen.set_aside.reserve(kFirstObject + objects);
  world.seen.set_aside.assign(kFirstObject, 0);
  world.inventory_pool.clear();
  world.tag_lists.resize(game.num_tags());
  for (auto& list : world.tag_lists) list.clear();
  world.agents.clear();
  world.agent_stats.reset(game.agent_stat_names.size(), game.num_agents);
  world.game_stats.reset(game.game_stat_names.size(), 1);
  world.game_stats.add_tracker();
  world.invalid_index_counts.clear();
  world.next_event = 0;
  world.game_context_target = kNoObject;
  world.game_context_location = Location{};
  world.game_context_direction = 0;
  world.aoe.clear();
  world.territory.clear();
  world.territory.proxies.assign(game.territories.size(), placeless);
  world.query_stack.clear();
  world.mark_stack.clear();
  world.rule_depth = 0;
  world.acting_agent = kNoAgent;
}

void place_object(World& world, const CellKind& kind, Location at) {
  const ObjectIndex object = world.add_object(kind.config, at, false);
  share_object_tokens(*world.game, world, object);
  const ObjectConfig& config = world.game->objects[kind.config];
  if (config.kind == ObjectKind::agent) add_agent_row(world, object);
  fill_initial_inventory(world, object);
  world.game_stats.add(0, kind.count_stat, 1.0F);
  register_aoes(world, object);
  register_territory_controls(world, object);
  if (config.kind == ObjectKind::agent) create_coverage(world, world.objects[object].agent);
}

}  // namespace

void construct_world(World& world, std::shared_ptr<const Game> game_ptr, const Map& map, std::uint32_t seed) {
  world.game = std::move(game_ptr);
  const Game& game = *world.game;
  clear_world(world, map, seed);
  for (const StatId stat : {game.game_stats.tokens_written, game.game_stats.tokens_dropped,
                            game.game_stats.tokens_free_space}) {
    world.game_stats.set(0, stat, 0.0F);
  }
  for (std::size_t i = 0; i < map.cells.size(); ++i) {
    if (map.cells[i] == kEmptyCell) continue;
    const Location at{static_cast<std::uint16_t>(i / map.width), static_cast<std::uint16_t>(i % map.width)};
    place_object(world, game.cell_kinds[static_cast<std::size_t>(map.cells[i])], at);
  }
  if (world.agents.size() != game.num_agents) {
    throw WorldError("the map has " + std::to_string(world.agents.size()) + " agents, the game num_agents = " +
                     std::to_string(game.num_agents));
  }
  world.seen.know_all_unseen();
  compute_materialized_queries(world);
  prepare_rewards(world);
  world.agent_order.resize(game.num_agents);
  world.action_success.assign(game.num_agents, 0);
  world.episode_rewards.assign(game.num_agents, 0.0F);
  world.visited_words = static_cast<std::uint32_t>((map.cells.size() + 63) / 64);
  world.visited.assign(std::size_t{game.num_agents} * world.visited_words, 0);
  world.visited_count.assign(game.num_agents, 0);
  world.farthest.assign(game.num_agents, 0);
  world.territory.agent_owner.assign(std::size_t{game.num_agents} * game.territories.size(), kAbsent);
}

void attach_buffers(World& world, const Buffers& buffers) {
  const std::uint32_t agents = world.game->num_agents;
  world.buffers = buffers;
  std::fill_n(buffers.rewards, agents, 0.0F);
  std::fill_n(buffers.terminals, agents, false);
  std::fill_n(buffers.truncations, agents, false);
  std::fill(world.episode_rewards.begin(), world.episode_rewards.end(), 0.0F);
  restart_coverage(world);
  for (Agent& agent : world.agents) agent.executed_action = 0;
  forget_written_observations(world);
  encode_observations(*world.game, world);
}

}  // namespace metta
