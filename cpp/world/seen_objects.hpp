// When observations last showed each object of one world. observe/seen_objects keeps it up to date.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "game/types.hpp"
#include "world/map_bits.hpp"

namespace metta {

// Most of what an agent sees was seen one step before. Bits of cells say so for a whole row of the window at once, and
// the steps below are only read and written for what comes into view or leaves it.
struct SeenObjects {
  MapBits before;  // bitmap over the map: what stands there was seen in step `step`
  MapBits now;     // likewise: seen by an agent that has been encoded in the present step
  std::uint32_t step = 0;             // of the last observations

  // [cells], of what stands there and was not seen `before`: steps from `base` to the one that saw it last, in two
  // bytes because a step reads much of it. kSetAside if that does not say it.
  std::vector<std::uint16_t> steps_from_base;
  std::uint32_t base = 0;
  std::vector<std::uint32_t> set_aside;  // [objects]: the step that saw it last, of those that stand nowhere as well

  static constexpr std::uint16_t kSetAside = 0;
  static constexpr std::uint32_t kMostSteps = 0xFFFF;

  // Objects are added one by one.
  void begin(std::size_t num_words, std::size_t num_cells) {
    before.assign(num_words, 0);
    now.assign(num_words, 0);
    step = 0;
    steps_from_base.assign(num_cells, kSetAside);
    base = 0xFFFFFFFF;  // one step before the first
    set_aside.clear();
  }
  // When a map has been filled: nothing was seen since step 0, the one after `base`. Said by the cells, so that what comes
  // into view for the first time need not be looked up among the objects.
  void know_all_unseen() { steps_from_base.assign(steps_from_base.size(), 1); }
  // For what stands in a cell of the grid and was not seen `before`. Mostly it need not know which object that is.
  std::uint32_t last_seen(std::size_t cell, const std::vector<ObjectIndex>& grid) const {
    return steps_from_base[cell] == kSetAside ? set_aside[grid[cell]] : base + steps_from_base[cell];
  }
  std::size_t bytes() const {
    return (before.capacity() + now.capacity()) * 2 + steps_from_base.capacity() * 2 + set_aside.capacity() * 4;
  }
};

}  // namespace metta
