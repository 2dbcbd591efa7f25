#include "episode/step.hpp"

#include <algorithm>
#include <numeric>

#include "observe/encoder.hpp"
#include "rules/actions.hpp"
#include "rules/aoe.hpp"
#include "rules/coverage.hpp"
#include "rules/events.hpp"
#include "rules/handlers.hpp"
#include "rules/rewards.hpp"
#include "rules/territory.hpp"

namespace metta {

namespace {

void begin_step(World& world) {
  const std::uint32_t agents = world.game->num_agents;
  for (std::uint32_t row = 0; row < agents; ++row) {
    Agent& agent = world.agents[row];
    agent.step_start = world.objects[agent.object].location;
    agent.executed_action = 0;
  }
  std::fill_n(world.buffers.rewards, agents, 0.0F);
  std::fill(world.action_success.begin(), world.action_success.end(), std::uint8_t{0});
  world.rule_time = ++world.step;
  std::iota(world.agent_order.begin(), world.agent_order.end(), 0U);
  world.random.shuffle(world.agent_order.data(), world.agent_order.size());
}

void run_agents_on_tick(World& world) {
  if (!world.game->any_agent_on_tick) return;
  for (std::uint32_t row = 0; row < world.game->num_agents; ++row) {
    const ObjectIndex object = world.agents[row].object;
    const HandlerId on_tick = world.config_of(object).agent.on_tick;
    if (on_tick == kAbsent) continue;
    world.acting_agent = row;
    Context context;
    context.actor = context.target = object;
    try_handler(world, on_tick, context);
  }
}

void apply_areas(World& world) {
  const Game& game = *world.game;
  if (!game.any_aoe && !game.any_territory_control) return;
  for (std::uint32_t row = 0; row < game.num_agents; ++row) {
    world.acting_agent = row;
    apply_fixed_aoes(world, row);
    apply_territories(world, row);
  }
  apply_mobile_aoes(world);
  flush_queued_aoes(world);
}

// Runs on the world's own context, not a copy: what it aimed at in one step it still aims at in the next.
void run_game_on_tick(World& world) {
  if (world.game->on_tick == kAbsent) return;
  Context context;
  context.target = world.game_context_target;
  context.target_location = world.game_context_location;
  context.move_direction = world.game_context_direction;
  try_handler(world, world.game->on_tick, context);
  world.game_context_target = context.target;
  world.game_context_location = context.target_location;
  world.game_context_direction = context.move_direction;
}

void end_step(World& world) {
  const Game& game = *world.game;
  if (game.max_steps > 0 && world.step >= game.max_steps) {
    std::fill_n(game.episode_truncates ? world.buffers.truncations : world.buffers.terminals, game.num_agents, true);
  }
  for (const auto& [stat, threshold] : game.end_thresholds) {
    if (world.game_stats.exists(0, stat) && static_cast<double>(world.game_stats.value(0, stat)) >= threshold) {
      std::fill_n(world.buffers.truncations, game.num_agents, true);
    }
  }
}

}  // namespace

void step_world(World& world, const World* next_world) {
  begin_step(world);
  perform_actions(world);
  world.acting_agent = kNoAgent;
  fire_due_events(world);
  run_agents_on_tick(world);
  apply_areas(world);
  world.acting_agent = kNoAgent;
  run_game_on_tick(world);
  track_coverage(world);
  encode_observations(*world.game, world, next_world);
  world.rule_time = 0;
  pay_rewards(world);
  end_step(world);
}

}  // namespace metta
