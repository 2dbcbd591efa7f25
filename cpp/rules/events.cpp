#include "rules/events.hpp"

#include "rules/depth.hpp"
#include "rules/filters.hpp"
#include "rules/mutations.hpp"
#include "rules/queries.hpp"

namespace metta {

namespace {

void fire(World& world, const Event& event) {
  const DepthGuard guard(world);
  std::int32_t applied = 0;
  {
    QueryResult targets(world, event.target_query, Context{});
    const bool limited = event.max_targets != kAbsent;
    if (limited && targets.size() > static_cast<std::size_t>(event.max_targets)) targets.shuffle();
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (limited && applied >= event.max_targets) break;
      Context context;
      context.actor = context.target = targets[i];
      context.target_location = world.objects[targets[i]].location;
      if (!all_pass(world, event.filters, context)) continue;  // does not count against max_targets
      apply_all_mutations(world, event.mutations, context);
      ++applied;
    }
  }
  if (applied == 0 && event.fallback != kAbsent) fire(world, world.game->events[event.fallback]);
}

}  // namespace

void fire_due_events(World& world) {
  const std::vector<ScheduledEvent>& schedule = world.game->schedule;
  while (world.next_event < schedule.size() &&
         schedule[world.next_event].timestep <= static_cast<std::int32_t>(world.step)) {
    fire(world, world.game->events[schedule[world.next_event].event]);
    ++world.next_event;
  }
}

}  // namespace metta
