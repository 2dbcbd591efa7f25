// Inventory rules: limits, modifiers, and the statistics an agent keeps about what it holds.
#pragma once

#include "world/world.hpp"

namespace metta {

enum class Limits : std::uint8_t { respected, ignored };
enum class Notify : std::uint8_t { yes, no };

// Adds `delta` clamped to [0, limit]; returns what was applied. A holding above its limit is cut down to it.
std::int32_t update_inventory(World& world, ObjectIndex object, ResourceId item, std::int32_t delta,
                              Limits limits = Limits::respected, Notify notify = Notify::yes);
std::int32_t free_space(World& world, ObjectIndex object, ResourceId item);
std::int32_t effective_limit(const World& world, ObjectIndex object, std::uint8_t group);
// Amounts of `pairs`, everything else dropped: what `set_inventory` of the published engine does.
void set_inventory(World& world, ObjectIndex object, const std::vector<std::pair<ResourceId, Quantity>>& pairs);

}  // namespace metta
