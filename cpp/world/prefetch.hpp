// Asks the memory for the worlds that step next. With many worlds a step finds each of them in memory instead of in a
// cache. Asked for while the world before is encoded, a few lines with every agent, their lines arrive in time and the
// processor does not wait; all at once they would fill its queue of open requests and stall it. Where all worlds fit the
// caches, to ask would only cost 5 % of a step: batch/batch.cpp decides.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "world/world.hpp"

namespace metta {

// Into the second level of caches: the first holds little more than the world that is being encoded, and requests for it
// use up the few that it can have open. The empty instruction makes the compiler believe that something is done: GCC
// takes a function that only asks for memory for one that does nothing, and leaves its calls out.
inline void ask_for(const void* address) {
  __builtin_prefetch(address, 0, 2);
  asm volatile("");
}

// In three stages, because a world can be followed only as far as its own lines have arrived. Worlds ahead of the one
// that steps: the fields of World, its agents, everything else that a step reads.
inline constexpr std::size_t kFieldsAhead = 3;
inline constexpr std::size_t kAgentsAhead = 2;

void prefetch_fields(const World& world);
void prefetch_agents(const World& world);

class Prefetch {
 public:
  // `world`: the next one, nullptr for none. `shares`: calls of next_share.
  Prefetch(const World* world, std::uint32_t shares);
  void next_share();

 private:
  static constexpr std::size_t kMostLines = 1024;

  void add(const void* data, std::size_t bytes);
  void ask_for_window(Location at) const;

  const World* world_ = nullptr;
  bool whole_map_ = false;
  std::uint32_t row_ = 0;
  std::uint32_t lines_a_share_ = 0;
  std::size_t num_lines_ = 0;
  std::size_t next_line_ = 0;
  std::array<const char*, kMostLines> lines_;
};

}  // namespace metta
