#include "rules/handlers.hpp"

#include "rules/depth.hpp"
#include "rules/filters.hpp"
#include "rules/mutations.hpp"

namespace metta {

namespace {

bool try_single(World& world, const Handler& handler, Context& context) {
  if (!all_pass(world, handler.filters, context)) return false;  // mutation_failed stays as it was
  context.mutation_failed = false;
  for (std::uint32_t i = 0; i < handler.mutations.count; ++i) {
    apply_mutation(world, world.game->mutations[handler.mutations.first + i], context);
    if (context.mutation_failed) return false;  // earlier effects stay
  }
  return true;
}

}  // namespace

bool try_handler(World& world, HandlerId id, Context& context) {
  const DepthGuard guard(world);
  const Handler& handler = world.game->handlers[id];
  if (handler.mode == HandlerMode::single) return try_single(world, handler, context);
  // Children share one context: a target set by one child is seen by the next.
  bool any = false;
  for (std::uint32_t i = 0; i < handler.children.count; ++i) {
    if (!try_handler(world, world.game->handler_lists[handler.children.first + i], context)) continue;
    if (handler.mode == HandlerMode::first_match) return true;
    any = true;
  }
  return any;
}

}  // namespace metta
