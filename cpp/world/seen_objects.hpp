// When observations last showed each object of one world. observe/seen_objects keeps it up to date.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace metta {

// Most of what an agent sees was seen one step before. Bits of cells say so for a whole row of the window at once, and
// `last_seen` is only read and written for what comes into view or leaves it.
struct SeenObjects {
  std::vector<std::uint32_t> last_seen;  // [objects]: step, out of date for those whose bit in `before` is set
  std::vector<std::uint64_t> before;     // bitmap over the map: what stands there was seen in step `step`
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

}  // namespace metta
