#include "world/world.hpp"

#include <algorithm>

namespace metta {

void World::put(ObjectIndex object, Location at) {
  clear_cell(at);
  grid[cell(at)] = object;
  tokens.cells[cell(at)] = TokenCache::near(tokens.objects[object]);
  seen.steps_from_base[cell(at)] = SeenObjects::kSetAside;
  objects[object].location = at;
  ++placements;
  const BitPlace place = bit_layout.place(at);
  occupied[place.word] |= place.bit;
  if (config_of(object).blocks_vision) vision_blockers[place.word] |= place.bit;
}

void World::clear_cell(Location at) {
  const BitPlace place = bit_layout.place(at);
  if (const ObjectIndex object = object_at(at); object != kNoObject) {
    const bool before = (seen.before[place.word] & place.bit) != 0;
    seen.set_aside[object] = before ? seen.step : seen.last_seen(cell(at), grid);
  }
  seen.before[place.word] &= place.all_others();
  occupied[place.word] &= place.all_others();
  vision_blockers[place.word] &= place.all_others();
  grid[cell(at)] = kNoObject;
  tokens.cells[cell(at)] = static_cast<std::uint16_t>(TokenCache::kNothing);
}

void World::shift(ObjectIndex object, Location to) {
  const Location from = objects[object].location;
  const BitPlace old_place = bit_layout.place(from);
  const BitPlace new_place = bit_layout.place(to);
  const auto move_bit = [&](MapBits& bits) {
    const bool set = (bits[old_place.word] & old_place.bit) != 0;
    bits[old_place.word] &= old_place.all_others();
    bits[new_place.word] |= set ? new_place.bit : std::uint16_t{0};
    return set;
  };
  move_bit(occupied);
  const bool seen_before = move_bit(seen.before);
  if (!seen_before) seen.steps_from_base[cell(to)] = seen.steps_from_base[cell(from)];
  if (config_of(object).blocks_vision) move_bit(vision_blockers);
  grid[cell(from)] = kNoObject;
  grid[cell(to)] = object;
  tokens.cells[cell(to)] = tokens.cells[cell(from)];
  tokens.cells[cell(from)] = static_cast<std::uint16_t>(TokenCache::kNothing);
  objects[object].location = to;
  ++placements;
}

ObjectIndex World::add_object(ObjectConfigId config_id, Location at, bool spawned) {
  const auto index = static_cast<ObjectIndex>(objects.size());
  const ObjectConfig& config = game->objects[config_id];
  Object& object = objects.emplace_back();
  object.config = config_id;
  object.vibe = config.vibe;
  object.kind = config.kind;
  object.spawned = spawned;
  tag_bits.resize(tag_bits.size() + game->tag_words, 0);
  tokens.objects.push_back(TokenCache::kLookCloser);
  seen.set_aside.push_back(0);
  put(index, at);
  for (const TagId tag : config.tags) give_tag(index, tag);
  return index;
}

bool World::give_tag(ObjectIndex object, TagId tag) {
  if (has_tag(object, tag)) return false;
  tag_bits[std::size_t{object} * game->tag_words + tag / 64] |= std::uint64_t{1} << (tag % 64);
  tag_lists[tag].push_back(object);
  object_changed(object);
  territory.tags_changed = true;
  return true;
}

bool World::strip_tag(ObjectIndex object, TagId tag) {
  if (!has_tag(object, tag)) return false;
  tag_bits[std::size_t{object} * game->tag_words + tag / 64] &= ~(std::uint64_t{1} << (tag % 64));
  std::vector<ObjectIndex>& list = tag_lists[tag];
  const auto position = std::find(list.begin(), list.end(), object);
  if (position != list.end()) list.erase(position);  // a removed object is in no list
  object_changed(object);
  territory.tags_changed = true;
  return true;
}

Inventory World::inventory(ObjectIndex object) {
  const auto resources = static_cast<std::uint32_t>(game->num_resources());
  const auto groups = static_cast<std::uint32_t>(config_of(object).inventory.groups.size());
  std::uint32_t& offset = objects[object].inventory;
  if (offset == kNoInventory) {
    offset = static_cast<std::uint32_t>(inventory_pool.size());
    inventory_pool.resize(inventory_pool.size() + Inventory::words_needed(resources, groups));
    Inventory::initialise(&inventory_pool[offset], resources, groups);
  }
  return {&inventory_pool[offset], resources, groups};
}

namespace {

template <typename... Vectors>
std::size_t held(const Vectors&... vectors) {
  return ((vectors.capacity() * sizeof(typename Vectors::value_type)) + ...);
}

}  // namespace

std::size_t World::bytes() const {
  std::size_t total = sizeof(World) + agent_stats.bytes() + game_stats.bytes();
  total += held(objects, tag_bits, inventory_pool, grid, occupied, vision_blockers, tag_lists, agents,
                previous_rewards, reward_start, episode_rewards, action_success, visited, visited_count,
                farthest, invalid_index_counts, query_stack, mark_stack, agent_order);
  for (const auto& list : tag_lists) total += held(list);
  total += tokens.bytes() + seen.bytes();
  total += held(aoe.fixed, aoe.covering, aoe.inside_fixed, aoe.mobile, aoe.inside_mobile, aoe.queued);
  total += aoe.places.bytes();
  total += held(territory.sources, territory.first_score, territory.scores, territory.owners, territory.borders,
                territory.agent_owner, territory.proxies);
  return total;
}

}  // namespace metta
