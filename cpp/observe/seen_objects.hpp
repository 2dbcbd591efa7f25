// When observations last showed each object. The statistic `cell.visited` credits an agent with the age of every object
// that it is the first to see in a step: the steps since any agent last saw it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "game/observation_tables.hpp"
#include "game/types.hpp"

namespace metta {

struct World;

// Most of what an agent sees was seen one step before. Bits of cells say so for a whole row of the window at once, and
// `last_seen` is only read and written for what comes into view or leaves it.
struct SeenObjects {
  std::vector<std::uint32_t> last_seen;  // [objects]: step, out of date for those whose bit in `before` is set
  std::vector<std::uint64_t> before;     // [height, row_words]: what stands there was seen in step `step`
  std::vector<std::uint64_t> now;        // likewise: seen by an agent that has been encoded in the present step
  std::uint32_t step = 0;                // of the last observations

  void begin(std::size_t num_words) {
    last_seen.clear();
    before.assign(num_words, 0);
    now.assign(num_words, 0);
    step = 0;
  }
  std::size_t bytes() const { return last_seen.capacity() * 4 + (before.capacity() + now.capacity()) * 8; }
};

struct SeenRows {
  WindowRows objects{};     // cells of the window in which an object is seen
  WindowRows first_seen{};  // those of them that nobody else has seen in this step
  std::uint32_t ages = 0;   // sum over first_seen: steps since any agent saw the object
};

// What an observer at `at` sees in the `visible` cells of its window.
SeenRows see_objects(World& world, Location at, const WindowRows& visible);

// Steps since any agent saw what stands there, this step left out.
std::uint32_t age_of_object(const World& world, Location at);

// After the observations of a step.
void end_seeing(World& world);

}  // namespace metta
