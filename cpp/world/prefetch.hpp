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

inline constexpr std::size_t kCacheLine = 64;

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
  // Of every array the same number of lines with every share: the loops' ends are then foreseen, which a count of lines
  // that runs over the arrays is not. A few lines behind an array's end are asked for too.
  struct Run {
    const char* next = nullptr;
    std::uint32_t lines_a_share = 0;
  };

  std::size_t cell_ahead(std::uint32_t row) const;  // where the agent's action leads

  const World* world_ = nullptr;
  std::uint32_t row_ = 0;
  std::size_t num_runs_ = 0;
  std::array<Run, 10> runs_;
};

}  // namespace metta
