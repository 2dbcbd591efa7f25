#include "rules/territory.hpp"

#include <algorithm>
#include <cmath>

#include "rules/filters.hpp"
#include "rules/mutations.hpp"

namespace metta {

namespace {

// Distances count in 1024ths of a cell, rounded down.
constexpr std::int64_t kScale = 1024;

std::int64_t scaled_distance(std::int64_t squared) {
  const std::int64_t scaled = squared * kScale * kScale;
  auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(scaled)));
  while (root * root > scaled) --root;
  while ((root + 1) * (root + 1) <= scaled) ++root;
  return root;
}

const TerritoryControl& control_of(const World& world, const TerritorySource& source) {
  return world.config_of(source.object).territory_controls[source.control];
}

// A source counts for the first of the territory's tags that it has.
std::int16_t tag_of(const World& world, const TerritorySource& source) {
  for (const TagId tag : world.game->territories[control_of(world, source).territory].tags) {
    if (world.has_tag(source.object, tag)) return tag;
  }
  return kAbsent;
}

// The tag with the largest sum, none when two share it.
std::int16_t owner_of_cell(const World& world, std::size_t territory, std::size_t cell) {
  const std::vector<TagId>& tags = world.game->territories[territory].tags;
  const std::int64_t* scores = &world.territory.scores[world.territory.first_score[territory]];
  std::int64_t best = 0;
  std::int16_t owner = kAbsent;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const std::int64_t score = scores[i * world.grid.size() + cell];
    if (score > best) {
      best = score;
      owner = tags[i];
    } else if (score == best && score > 0) {
      owner = kAbsent;
    }
  }
  return owner;
}

// Adds (sign = 1) or takes back (sign = -1) what a source exerts on the cells around it.
void count_influence(World& world, const TerritorySource& source, std::int64_t sign) {
  if (source.counted_for == kAbsent) return;
  TerritoryState& state = world.territory;
  const TerritoryControl& control = control_of(world, source);
  const std::vector<TagId>& tags = world.game->territories[control.territory].tags;
  const auto slot = static_cast<std::size_t>(
      std::find(tags.begin(), tags.end(), static_cast<TagId>(source.counted_for)) - tags.begin());
  const std::size_t cells = world.grid.size();
  std::int64_t* scores = &state.scores[state.first_score[control.territory] + slot * cells];
  std::int16_t* owners = &state.owners[control.territory * cells];
  // Below 1 the decay shortens no radius, but a negative one still makes the score grow with the distance.
  const std::int64_t radius = control.strength / std::max<std::int64_t>(1, control.decay);
  const std::int64_t last_row = std::min<std::int64_t>(world.height - 1, source.at.row + radius);
  const std::int64_t last_col = std::min<std::int64_t>(world.width - 1, source.at.col + radius);
  for (std::int64_t row = std::max<std::int64_t>(0, source.at.row - radius); row <= last_row; ++row) {
    for (std::int64_t col = std::max<std::int64_t>(0, source.at.col - radius); col <= last_col; ++col) {
      const std::int64_t squared =
          (row - source.at.row) * (row - source.at.row) + (col - source.at.col) * (col - source.at.col);
      if (squared > radius * radius) continue;
      const std::int64_t score = control.strength * kScale - control.decay * scaled_distance(squared);
      if (score <= 0) continue;
      const auto cell = static_cast<std::size_t>(row * world.width + col);
      scores[cell] += sign * score;
      owners[cell] = owner_of_cell(world, control.territory, cell);
    }
  }
  state.borders_stale = true;
}

void recount(World& world, TerritorySource& source) {
  const std::int16_t tag = tag_of(world, source);
  if (tag == source.counted_for) return;
  count_influence(world, source, -1);
  source.counted_for = tag;
  count_influence(world, source, 1);
}

void make_room(World& world) {
  TerritoryState& state = world.territory;
  if (!state.owners.empty()) return;
  const std::size_t cells = world.grid.size();
  std::size_t slots = 0;
  for (const Territory& territory : world.game->territories) {
    state.first_score.push_back(static_cast<std::uint32_t>(slots * cells));
    slots += territory.tags.size();
  }
  state.scores.assign(slots * cells, 0);
  state.owners.assign(world.game->territories.size() * cells, kAbsent);
}

// All handlers of one occasion share a context: a target that one sets is the target of the next.
void run_handlers(World& world, const std::vector<HandlerId>& handlers, std::size_t territory, std::int32_t owner,
                  ObjectIndex agent) {
  if (handlers.empty()) return;
  std::swap(world.objects[kTerritoryProxy], world.territory.proxies[territory]);
  world.objects[kTerritoryProxy].location = world.objects[agent].location;
  std::uint64_t* tags = &world.tag_bits[std::size_t{kTerritoryProxy} * world.game->tag_words];
  std::fill_n(tags, world.game->tag_words, std::uint64_t{0});
  tags[owner / 64] |= std::uint64_t{1} << (owner % 64);
  Context context;
  context.actor = kTerritoryProxy;
  context.target = agent;
  for (const HandlerId id : handlers) {
    const Handler& handler = world.game->handlers[id];
    if (all_pass(world, handler.filters, context)) apply_all_mutations(world, handler.mutations, context);
  }
  std::swap(world.objects[kTerritoryProxy], world.territory.proxies[territory]);
}

}  // namespace

void register_territory_controls(World& world, ObjectIndex object) {
  const std::vector<TerritoryControl>& controls = world.config_of(object).territory_controls;
  if (controls.empty()) return;
  make_room(world);
  for (std::size_t i = 0; i < controls.size(); ++i) {
    world.territory.sources.push_back({object, static_cast<std::uint16_t>(i), world.objects[object].location, kAbsent});
    recount(world, world.territory.sources.back());
  }
}

void territory_source_moved(World& world, ObjectIndex object) {
  if (world.config_of(object).territory_controls.empty()) return;
  for (TerritorySource& source : world.territory.sources) {
    if (source.object != object) continue;
    count_influence(world, source, -1);
    source.at = world.objects[object].location;
    count_influence(world, source, 1);
  }
}

void refresh_territory(World& world) {
  if (!world.territory.tags_changed) return;
  world.territory.tags_changed = false;
  for (TerritorySource& source : world.territory.sources) recount(world, source);
}

void apply_territories(World& world, std::uint32_t row) {
  if (world.territory.sources.empty()) return;
  const ObjectIndex agent = world.agents[row].object;
  const std::size_t territories = world.game->territories.size();
  for (std::size_t i = 0; i < territories; ++i) {
    const Territory& territory = world.game->territories[i];
    refresh_territory(world);  // handlers of the agent before, or of the territory before, may have changed tags
    const std::int32_t owner = territory_owner(world, world.cell(world.objects[agent].location), i);
    std::int16_t& remembered = world.territory.agent_owner[row * territories + i];
    const std::int32_t before = remembered;
    remembered = static_cast<std::int16_t>(owner);
    if (before != owner && before != kAbsent) run_handlers(world, territory.on_exit, i, before, agent);
    if (before != owner && owner != kAbsent) run_handlers(world, territory.on_enter, i, owner, agent);
    if (owner != kAbsent) run_handlers(world, territory.presence, i, owner, agent);
  }
}

}  // namespace metta
