// The state of one world: one episode of one Game, as flat arrays. Rules (cpp/rules) change it only through the
// functions below where the change shows elsewhere (grid, tags, tokens); the rest they write directly.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "game/game.hpp"
#include "world/aoe_state.hpp"
#include "world/inventory.hpp"
#include "world/map_bits.hpp"
#include "world/object.hpp"
#include "world/random.hpp"
#include "world/seen_objects.hpp"
#include "world/stats.hpp"
#include "world/territory_state.hpp"
#include "world/token_cache.hpp"

namespace metta {

// Rows 0..num_agents-1 are the agents of the map; agents spawned later have rows of their own but never act.
struct Agent {
  ObjectIndex object = kNoObject;
  Location spawn;
  Location step_start;  // where it stood when the step began
  Location last_place;  // where it stood after its last handled action
  std::uint32_t steps_without_motion = 0;
  std::int32_t executed_action = 0;  // the last action of this step that succeeded, 0 if none
  std::uint8_t last_animation = 0;   // 0 none, 1 bump
};

// The caller's memory, one row an agent. Written by the step, never owned.
struct Buffers {
  std::uint8_t* observations = nullptr;  // [agents, tokens, 3]
  float* rewards = nullptr;
  bool* terminals = nullptr;
  bool* truncations = nullptr;
  const std::int32_t* actions = nullptr;
  const std::int32_t* vibe_actions = nullptr;  // may be null: all noop
};

struct InvalidIndexCount {
  std::uint32_t agent = 0;
  std::int32_t index = 0;
  float count = 0.0F;
};

struct World {
  std::shared_ptr<const Game> game;
  Random random;
  std::uint32_t step = 0;
  std::uint32_t rule_time = 0;  // the step as periodic filters see it: always 0 while rewards are paid
  std::uint16_t height = 0;
  std::uint16_t width = 0;
  Buffers buffers;

  // Objects by index; kNoObject and kTerritoryProxy are slots without a place on the grid.
  std::vector<Object> objects;
  std::vector<std::uint64_t> tag_bits;             // [objects, game.tag_words]
  std::vector<std::uint16_t> inventory_pool;       // see world/inventory.hpp
  std::vector<ObjectIndex> grid;                   // [height * width], kNoObject where empty
  MapBitLayout bit_layout;                         // of all bitmaps over the map
  MapBits occupied;                                // bit = something stands there
  MapBits vision_blockers;                         // bit = what stands there hides what is behind it
  std::uint32_t placements = 0;                    // times that an object was put somewhere
  std::vector<std::vector<ObjectIndex>> tag_lists;  // objects of each tag, in the order they got it

  std::vector<Agent> agents;
  std::vector<float> previous_rewards;      // last value of every reward entry, agents one after the other
  std::vector<std::uint32_t> reward_start;  // [agents + 1] into previous_rewards
  std::vector<float> episode_rewards;       // [agents]
  std::vector<std::uint8_t> action_success;  // [agents]
  std::vector<std::uint64_t> visited;       // [agents, visited_words]: cells an agent has stood on
  std::vector<std::int32_t> visited_count;  // [agents]
  std::vector<std::int32_t> farthest;        // [agents]: most cells from the spawn, by rows and columns, after a step
  std::uint32_t visited_words = 0;

  StatTable agent_stats;  // rows as `agents`
  StatTable game_stats;   // one row
  std::vector<InvalidIndexCount> invalid_index_counts;

  std::size_t next_event = 0;  // cursor in game->schedule
  // The game's own on_tick keeps what it did to its context from step to step (a spawn leaves its target there).
  ObjectIndex game_context_target = kNoObject;
  Location game_context_location;
  std::uint8_t game_context_direction = 0;

  AoeState aoe;
  TerritoryState territory;
  TokenCache tokens;
  SeenObjects seen;

  // Scratch of the rules: stacks, so that nested queries never allocate once warm.
  std::vector<ObjectIndex> query_stack;
  std::vector<std::uint64_t> mark_stack;
  std::vector<std::uint32_t> agent_order;
  std::uint32_t rule_depth = 0;
  std::uint32_t acting_agent = kNoAgent;  // whose action, tick or areas are being run: for error messages

  // ---- grid ----
  bool on_grid(Location at) const { return at.row < height && at.col < width; }
  std::size_t cell(Location at) const { return std::size_t{at.row} * width + at.col; }
  ObjectIndex object_at(Location at) const { return grid[cell(at)]; }
  void put(ObjectIndex object, Location at);  // sets the cell and the object's location
  void clear_cell(Location at);
  // Moves what stands on the grid to an empty cell.
  void shift(ObjectIndex object, Location to);

  // ---- objects ----
  const ObjectConfig& config_of(ObjectIndex object) const { return game->objects[objects[object].config]; }
  bool is_agent(ObjectIndex object) const { return objects[object].agent != kNoAgent; }
  ObjectIndex add_object(ObjectConfigId config, Location at, bool spawned);
  void set_vibe(ObjectIndex object, VibeId vibe) {
    objects[object].vibe = vibe;
    object_changed(object);
  }
  // Its tokens are no longer what they were.
  void object_changed(ObjectIndex object) {
    std::uint32_t& run = tokens.objects[object];
    if (tokens.own(run)) {
      tokens.pieces[run].set_last_byte(TokenCache::kStale);
      return;
    }
    run = TokenCache::kLookCloser;
    const std::size_t at = cell(objects[object].location);
    if (grid[at] == object) tokens.cells[at] = static_cast<std::uint16_t>(run);
  }

  // ---- tags (no handlers; rules/tags.hpp runs those) ----
  const std::uint64_t* tags_of(ObjectIndex object) const { return &tag_bits[std::size_t{object} * game->tag_words]; }
  bool has_tag(ObjectIndex object, TagId tag) const { return (tags_of(object)[tag / 64] >> (tag % 64)) & 1U; }
  bool has_any_tag(ObjectIndex object, const TagSet& set) const {
    const std::uint64_t* tags = tags_of(object);
    for (std::uint32_t i = 0; i < game->tag_words; ++i) {
      if (tags[i] & set[i]) return true;
    }
    return false;
  }
  bool give_tag(ObjectIndex object, TagId tag);    // false if it had it
  bool strip_tag(ObjectIndex object, TagId tag);   // false if it had it not

  // ---- inventories (raw; rules/inventory.hpp knows limits and statistics) ----
  Quantity amount(ObjectIndex object, ResourceId item) const {
    const std::uint32_t offset = objects[object].inventory;
    return offset == kNoInventory ? Quantity{0} : inventory_pool[offset + 3 + item];
  }
  bool inventory_empty(ObjectIndex object) const {
    const std::uint32_t offset = objects[object].inventory;
    return offset == kNoInventory || inventory_pool[offset + 2] == 0;
  }
  // Makes the inventory when there is none yet. The view holds until the next inventory is made.
  Inventory inventory(ObjectIndex object);

  std::size_t bytes() const;  // memory held, buffers of the caller not counted
};

}  // namespace metta
