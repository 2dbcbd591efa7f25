#include "rules/aoe.hpp"

#include <algorithm>
#include <bit>

#include "game/numbers.hpp"
#include "rules/filters.hpp"
#include "rules/inventory.hpp"
#include "rules/mutations.hpp"

namespace metta {

namespace {

bool has_effect(const AoeConfig& aoe) { return !aoe.mutations.empty() || !aoe.presence_deltas.empty(); }

bool in_range(Location a, Location b, std::int64_t radius) {
  const std::int64_t rows = std::int64_t{a.row} - b.row;
  const std::int64_t cols = std::int64_t{a.col} - b.col;
  return rows * rows + cols * cols <= radius * radius;
}

// The cells of the map at most `radius` rows and columns away.
template <typename Visit>
void for_each_cell_around(const World& world, Location centre, std::int64_t radius, Visit visit) {
  const std::int64_t last_row = std::min<std::int64_t>(world.height - 1, centre.row + radius);
  const std::int64_t last_col = std::min<std::int64_t>(world.width - 1, centre.col + radius);
  for (std::int64_t row = std::max<std::int64_t>(0, centre.row - radius); row <= last_row; ++row) {
    for (std::int64_t col = std::max<std::int64_t>(0, centre.col - radius); col <= last_col; ++col) {
      visit(Location{static_cast<std::uint16_t>(row), static_cast<std::uint16_t>(col)});
    }
  }
}

// Presence deltas of an area on an agent that enters (sign = 1) or leaves it (sign = -1).
void apply_presence(World& world, const AoeConfig& aoe, ObjectIndex agent, std::int32_t sign) {
  for (std::uint32_t i = 0; i < aoe.presence_deltas.count; ++i) {
    const ResourceDelta& presence = world.game->resource_deltas[aoe.presence_deltas.first + i];
    update_inventory(world, agent, presence.resource, wrapping_multiply(sign, presence.delta));
  }
}

Context context_of(const AoeSource& source, ObjectIndex agent, DeferredDeltas* deferred) {
  Context context;
  context.actor = source.object;
  context.target = agent;
  context.deferred = deferred;
  return context;
}

// The mutations of an area, whose filters are asked again: entering may have changed what they see.
void apply_effects(World& world, const AoeConfig& aoe, Context context) {
  if (aoe.mutations.empty() || !all_pass(world, aoe.filters, context)) return;
  apply_all_mutations(world, aoe.mutations, context);
}

bool test(const std::uint64_t* bits, std::size_t i) { return (bits[i / 64] >> (i % 64)) & 1U; }
void set(std::uint64_t* bits, std::size_t i) { bits[i / 64] |= std::uint64_t{1} << (i % 64); }
void clear(std::uint64_t* bits, std::size_t i) { bits[i / 64] &= ~(std::uint64_t{1} << (i % 64)); }

// ---- registration ----

// Widens rows of bits from `words` to one word more.
void add_word(std::vector<std::uint64_t>& bits, std::size_t rows, std::uint32_t words) {
  bits.resize(rows * (words + 1), 0);
  for (std::size_t row = rows; row-- > 0;) {  // from the last, so that none is overwritten before it has moved
    std::uint64_t* wider = &bits[row * (words + 1)];
    std::copy_backward(&bits[row * words], &bits[row * words] + words, wider + words);
    wider[words] = 0;
  }
}

void register_fixed(World& world, const AoeSource& source) {
  AoeState& state = world.aoe;
  const std::size_t index = state.fixed.size();
  state.fixed.push_back(source);
  if (index == std::size_t{state.fixed_words} * 64) {
    add_word(state.covering, world.grid.size(), state.fixed_words);
    add_word(state.inside_fixed, world.game->num_agents, state.fixed_words);
    ++state.fixed_words;
  }
  const Location origin = world.objects[source.object].location;
  const std::int64_t radius = source.config->radius;
  for_each_cell_around(world, origin, radius, [&](Location at) {
    if (in_range(origin, at, radius)) set(&state.covering[world.cell(at) * state.fixed_words], index);
  });
}

void register_mobile(World& world, const AoeSource& source) {
  AoeState& state = world.aoe;
  state.agent_words = (world.game->num_agents + 63) / 64;
  state.mobile.push_back(source);
  state.inside_mobile.resize(state.mobile.size() * state.agent_words, 0);
}

// ---- removal ----

// Static areas are lifted from the cells around where the object stands now. Where an object moved away from its
// areas, what lies farther off stays in effect, as in the published engine.
void unregister_fixed(World& world, ObjectIndex object) {
  AoeState& state = world.aoe;
  std::int64_t radius = 0;
  for (const AoeConfig& aoe : world.config_of(object).aoes) {
    if (aoe.is_static) radius = std::max<std::int64_t>(radius, aoe.radius);
  }
  for (std::size_t i = 0; i < state.fixed.size(); ++i) {
    AoeSource& source = state.fixed[i];
    if (source.object != object || !source.active) continue;
    source.active = false;
    for_each_cell_around(world, world.objects[object].location, radius,
                         [&](Location at) { clear(&state.covering[world.cell(at) * state.fixed_words], i); });
    for (std::uint32_t row = 0; row < world.game->num_agents; ++row) {
      std::uint64_t* inside = &state.inside_fixed[std::size_t{row} * state.fixed_words];
      if (!test(inside, i)) continue;
      clear(inside, i);
      apply_presence(world, *source.config, world.agents[row].object, -1);
    }
  }
}

void unregister_mobile(World& world, ObjectIndex object) {
  AoeState& state = world.aoe;
  for (std::size_t i = 0; i < state.mobile.size(); ++i) {
    AoeSource& source = state.mobile[i];
    if (source.object != object || !source.active) continue;
    source.active = false;
    state.mobile_removed = true;
    std::uint64_t* inside = &state.inside_mobile[i * state.agent_words];
    for (std::uint32_t row = 0; row < world.game->num_agents; ++row) {
      if (!test(inside, row)) continue;
      clear(inside, row);
      apply_presence(world, *source.config, world.agents[row].object, -1);
    }
  }
}

void drop_inactive_mobile(AoeState& state) {
  if (!state.mobile_removed) return;
  state.mobile_removed = false;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < state.mobile.size(); ++i) {
    if (!state.mobile[i].active) continue;
    state.mobile[kept] = state.mobile[i];
    std::copy_n(&state.inside_mobile[i * state.agent_words], state.agent_words,
                &state.inside_mobile[kept * state.agent_words]);
    ++kept;
  }
  state.mobile.resize(kept);
  state.inside_mobile.resize(kept * state.agent_words);
}

// ---- one area, one agent ----

void apply_fixed_area(World& world, std::size_t index, std::uint32_t row) {
  AoeState& state = world.aoe;
  const AoeSource source = state.fixed[index];
  const AoeConfig& aoe = *source.config;
  const ObjectIndex agent = world.agents[row].object;
  const Context context = context_of(source, agent, &state.deferred);
  const bool passes = (aoe.effect_self || source.object != agent) && all_pass(world, aoe.filters, context);
  std::uint64_t* inside = &state.inside_fixed[std::size_t{row} * state.fixed_words];
  if (passes && !test(inside, index)) {
    set(inside, index);
    apply_presence(world, aoe, agent, 1);
  } else if (!passes && test(inside, index)) {
    clear(inside, index);
    apply_presence(world, aoe, agent, -1);
  }
  if (passes) apply_effects(world, aoe, context);
}

// An agent that may be in a mobile area's reach, or that was inside of it.
void apply_mobile_area(World& world, std::size_t index, std::uint32_t row) {
  const AoeSource source = world.aoe.mobile[index];
  const AoeConfig& aoe = *source.config;
  const ObjectIndex agent = world.agents[row].object;
  const Context context = context_of(source, agent, nullptr);
  const bool reached = in_range(world.objects[source.object].location, world.objects[agent].location, aoe.radius);
  const bool passes = reached && all_pass(world, aoe.filters, context);
  std::uint64_t* inside = &world.aoe.inside_mobile[index * world.aoe.agent_words];
  if (passes) {
    if (!test(inside, row)) {
      set(inside, row);
      apply_presence(world, aoe, agent, 1);
    }
    apply_effects(world, aoe, context);
  } else if (test(inside, row)) {
    clear(inside, row);
    apply_presence(world, aoe, agent, -1);
  }
}

// The agents 64 * word .. 64 * word + 63 that a mobile area reaches or reached in the last step.
std::uint64_t candidates(const World& world, std::size_t index, std::uint32_t word) {
  const AoeState& state = world.aoe;
  const AoeSource& source = state.mobile[index];
  const Object& object = world.objects[source.object];
  std::uint64_t found = state.places.around(object.location, source.config->radius, word) |
                        state.inside_mobile[index * state.agent_words + word];
  if (!source.config->effect_self && object.agent / 64 == word) found &= ~(std::uint64_t{1} << (object.agent % 64));
  return found;
}

}  // namespace

void register_aoes(World& world, ObjectIndex object) {
  const std::vector<AoeConfig>& aoes = world.config_of(object).aoes;
  for (std::size_t i = 0; i < aoes.size(); ++i) {
    const AoeSource source{object, true, &aoes[i]};
    if (!aoes[i].is_static) {
      register_mobile(world, source);  // even without effect: its filters are asked, which may draw or create
    } else if (has_effect(aoes[i])) {
      register_fixed(world, source);
    }
  }
}

void queue_aoes(World& world, ObjectIndex object) {
  if (!world.config_of(object).aoes.empty()) world.aoe.queued.push_back(object);
}

void unregister_aoes(World& world, ObjectIndex object) {
  if (world.config_of(object).aoes.empty()) return;
  unregister_fixed(world, object);
  unregister_mobile(world, object);
}

void apply_fixed_aoes(World& world, std::uint32_t row) {
  AoeState& state = world.aoe;
  if (state.fixed_words == 0) return;
  const ObjectIndex agent = world.agents[row].object;
  const std::size_t words = state.fixed_words;
  const std::uint64_t* covering = &state.covering[world.cell(world.objects[agent].location) * words];
  std::uint64_t* inside = &state.inside_fixed[std::size_t{row} * words];
  for (std::size_t word = 0; word < words; ++word) {
    for (std::uint64_t left = inside[word] & ~covering[word]; left != 0; left &= left - 1) {
      const std::size_t index = word * 64 + static_cast<std::size_t>(std::countr_zero(left));
      clear(inside, index);
      apply_presence(world, *state.fixed[index].config, agent, -1);
    }
  }
  state.deferred.sums.clear();
  for (std::size_t word = 0; word < words; ++word) {
    for (std::uint64_t left = covering[word]; left != 0; left &= left - 1) {
      const int bit = std::countr_zero(left);
      if (!((covering[word] >> bit) & 1U)) continue;  // removed by an area before it
      apply_fixed_area(world, word * 64 + static_cast<std::size_t>(bit), row);
    }
  }
  for (std::size_t i = 0; i < state.deferred.sums.size(); ++i) {
    const DeferredDeltas::Sum sum = state.deferred.sums[i];
    if (sum.delta != 0) update_inventory(world, agent, sum.resource, sum.delta);
  }
}

// Every area meets every agent, in order. Effects may move anybody; then who is left is searched anew.
void apply_mobile_aoes(World& world) {
  AoeState& state = world.aoe;
  if (state.mobile.empty()) return;
  state.places.gather(world);
  for (std::size_t index = 0; index < state.mobile.size(); ++index) {
    for (std::uint32_t word = 0; word < state.agent_words; ++word) {
      std::uint64_t left = candidates(world, index, word);
      while (left != 0 && state.mobile[index].active) {
        const int bit = std::countr_zero(left);
        apply_mobile_area(world, index, word * 64 + static_cast<std::uint32_t>(bit));
        if (state.places.outdated(world)) [[unlikely]] {
          state.places.gather(world);
          left = candidates(world, index, word);
        }
        left &= ~std::uint64_t{0} << bit << 1;  // the agents behind this one
      }
    }
  }
}

void flush_queued_aoes(World& world) {
  AoeState& state = world.aoe;
  drop_inactive_mobile(state);
  for (std::size_t i = 0; i < state.queued.size(); ++i) register_aoes(world, state.queued[i]);
  state.queued.clear();
}

}  // namespace metta
