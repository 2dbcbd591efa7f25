// Areas of effect: registration, fixed and mobile passes, presence deltas on entering and leaving.
#pragma once

#include "world/world.hpp"

namespace metta {

void register_aoes(World& world, ObjectIndex object);    // at construction
void queue_aoes(World& world, ObjectIndex object);       // a spawned object: registered at the next flush
void unregister_aoes(World& world, ObjectIndex object);  // a removed object: exit deltas for those inside
void apply_fixed_aoes(World& world, std::uint32_t agent);
void apply_mobile_aoes(World& world);
void flush_queued_aoes(World& world);

}  // namespace metta
