#include "rules/actions.hpp"

#include <algorithm>

#include "rules/handlers.hpp"
#include "rules/movement.hpp"
#include "rules/mutations.hpp"

namespace metta {

namespace {

enum class Stream : std::uint8_t { core, vibe };

constexpr std::int32_t kNoop = 0;  // always first: _actions of metta_puffer/engine/compile.py

// The game's own handlers, one after the other until one succeeds.
bool try_move_handlers(World& world, ObjectIndex actor, std::uint8_t orientation) {
  const Direction direction = kOrientations[orientation];
  for (const MoveHandler& handler : world.game->move_handlers) {
    for (std::uint32_t distance = 1; distance <= handler.range; ++distance) {
      const auto at = offset_location(world, world.objects[actor].location, direction, distance);
      if (!at) break;
      const ObjectIndex object = world.object_at(*at);
      if (object == kNoObject && !handler.accepts_empty) continue;  // looks for the first object in range
      Context context;
      context.actor = actor;
      context.target = object;
      context.target_location = *at;
      context.move_direction = orientation;
      if (try_handler(world, handler.handler, context)) return true;
      break;  // one candidate a handler; effects of a failed one stay
    }
  }
  return false;
}

// What every chain of handlers ends with: to walk onto an empty cell, or to use what stands there.
bool walk_or_use(World& world, ObjectIndex actor, std::uint8_t orientation) {
  const auto at = offset_location(world, world.objects[actor].location, kOrientations[orientation], 1);
  if (!at) return false;
  const ObjectIndex object = world.object_at(*at);
  if (object == kNoObject) {
    move_object(world, actor, *at);
    return true;
  }
  if (world.config_of(object).on_use == kAbsent) return false;
  Context context;
  context.actor = actor;
  context.target = object;
  context.target_location = *at;
  context.move_direction = orientation;
  use_target(world, context);
  return !context.mutation_failed;
}

bool move(World& world, ObjectIndex actor, std::uint8_t orientation) {
  return try_move_handlers(world, actor, orientation) || walk_or_use(world, actor, orientation);
}

// How long an agent has not moved counts handled actions, not steps: noop with a vibe change counts two.
void track_motion(World& world, std::uint32_t row) {
  Agent& agent = world.agents[row];
  const Location now = world.objects[agent.object].location;
  // No branch for whether it moved: it would often be mispredicted.
  const std::uint32_t still = now == agent.last_place ? agent.steps_without_motion + 1 : 0;
  agent.steps_without_motion = still;
  agent.last_place = now;
  const StatId longest = world.game->agent_stats.max_steps_without_motion;
  const auto run = static_cast<float>(still);
  if ((still != 0) & (run > world.agent_stats.value(row, longest))) world.agent_stats.set(row, longest, run);
}

bool perform(World& world, const Action& action, std::uint32_t row) {
  const AgentStatIds& stats = world.game->agent_stats;
  const ObjectIndex actor = world.agents[row].object;
  world.agents[row].last_animation = 0;
  bool success = true;
  StatId counted = stats.noop_success;
  if (action.kind == ActionKind::move) {
    success = move(world, actor, action.orientation);
    counted = success ? stats.move_success : stats.move_failed;
  } else if (action.kind == ActionKind::change_vibe) {
    if (world.objects[actor].vibe != action.vibe) world.set_vibe(actor, action.vibe);
    counted = stats.vibe_success;
  }
  track_motion(world, row);
  world.agent_stats.add(row, counted, 1.0F);
  if (!success) world.agent_stats.add(row, stats.action_failed, 1.0F);
  return success;
}

void count_invalid_index(World& world, std::uint32_t row, std::int32_t index) {
  world.agent_stats.add(row, world.game->agent_stats.invalid_index, 1.0F);
  world.action_success[row] = 0;
  for (const auto& [named_index, stat] : world.game->invalid_index_stats) {
    if (named_index == index) return world.agent_stats.add(row, stat, 1.0F);
  }
  for (InvalidIndexCount& seen : world.invalid_index_counts) {
    if (seen.agent == row && seen.index == index) {
      seen.count += 1.0F;
      return;
    }
  }
  world.agent_stats.count_unlisted_name(row);
  world.invalid_index_counts.push_back({row, index, 1.0F});
}

// Actions of one stream, one for every agent; none where the caller has no such stream.
struct Actions {
  const std::int32_t* indices;
  std::size_t count;
  std::uint32_t known;  // actions of the game

  bool valid(std::uint32_t row) const { return static_cast<std::uint32_t>(indices[row]) < known; }
  // Asked once for all agents: mostly all are valid, and all vibes noop.
  bool all_valid() const {
    std::uint32_t largest = 0;
    for (std::size_t row = 0; row < count; ++row) {
      largest = std::max(largest, static_cast<std::uint32_t>(indices[row]));  // a negative index is a large one
    }
    return count == 0 || largest < known;
  }
  bool all_noop() const {
    std::int32_t any = 0;
    for (std::size_t row = 0; row < count; ++row) any |= indices[row];
    return any == kNoop;
  }
};

void count_invalid_indices(World& world, const Actions& actions) {
  if (actions.all_valid()) return;
  for (const std::uint32_t row : world.agent_order) {
    world.acting_agent = row;
    if (!actions.valid(row)) count_invalid_index(world, row, actions.indices[row]);
  }
}

void perform_stream(World& world, const Actions& actions, Stream stream) {
  if (actions.count == 0 || (stream == Stream::vibe && actions.all_noop())) return;
  for (const std::uint32_t row : world.agent_order) {
    const std::int32_t index = actions.indices[row];
    world.acting_agent = row;
    if (!actions.valid(row)) {
      count_invalid_index(world, row, index);
      continue;
    }
    const Action& action = world.game->actions[static_cast<std::size_t>(index)];
    if ((action.kind == ActionKind::change_vibe) != (stream == Stream::vibe)) continue;  // silently ignored
    if (!perform(world, action, row)) continue;
    world.agents[row].executed_action = index;
    world.action_success[row] = 1;
  }
}

}  // namespace

// The published engine passes twice over both streams, by priority. No action has the first pass's priority: it only
// counts invalid indices, once more.
void perform_actions(World& world) {
  const auto actions = [&world](const std::int32_t* indices) {
    return Actions{indices, indices == nullptr ? 0 : world.agent_order.size(),
                   static_cast<std::uint32_t>(world.game->actions.size())};
  };
  const Actions core = actions(world.buffers.actions);
  const Actions vibes = actions(world.buffers.vibe_actions);
  count_invalid_indices(world, core);
  count_invalid_indices(world, vibes);
  perform_stream(world, core, Stream::core);
  perform_stream(world, vibes, Stream::vibe);
}

}  // namespace metta
