#include "rules/rewards.hpp"

#include "rules/values.hpp"

namespace metta {

namespace {

float reward_value(World& world, const RewardEntry& entry, ObjectIndex agent) {
  if (!entry.is_amount) return resolve_value(world, entry.value, Context{}, agent);
  // The sum begins with a positive zero.
  return 0.0F + static_cast<float>(world.amount(agent, entry.resource)) * entry.weight;
}

}  // namespace

void prepare_rewards(World& world) {
  world.reward_start.assign(1, 0);
  for (std::uint32_t row = 0; row < world.game->num_agents; ++row) {
    const ObjectIndex object = world.agents[row].object;
    const std::vector<RewardEntry>& entries = world.config_of(object).agent.rewards;
    for (const RewardEntry& entry : entries) {
      // A statistic named by a reward exists from the start; those inside sums appear when first read.
      const Value& value = world.game->values[entry.value];
      if (value.kind == ValueKind::stat) resolve_value(world, entry.value, Context{}, object);
    }
    world.reward_start.push_back(world.reward_start.back() + static_cast<std::uint32_t>(entries.size()));
  }
  world.previous_rewards.assign(world.reward_start.back(), 0.0F);  // so initial holdings pay out in the first step
}

void pay_rewards(World& world) {
  for (std::uint32_t row = 0; row < world.game->num_agents; ++row) {
    const ObjectIndex object = world.agents[row].object;
    float* previous = world.previous_rewards.data() + world.reward_start[row];
    float total = 0.0F;
    for (const RewardEntry& entry : world.config_of(object).agent.rewards) {
      const float value = reward_value(world, entry, object);
      total += entry.per_tick ? value : value - *previous;
      *previous++ = value;
    }
    if (total != 0.0F) world.buffers.rewards[row] += total;
  }
  for (std::uint32_t row = 0; row < world.game->num_agents; ++row) {
    world.episode_rewards[row] += world.buffers.rewards[row];
  }
}

}  // namespace metta
