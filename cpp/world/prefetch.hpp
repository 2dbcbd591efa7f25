// Asks the memory for the worlds that step next. With many worlds a step finds each of them in memory instead of in a
// cache. Asked for while the world before is encoded, a few lines with every agent, their lines arrive in time and the
// processor does not wait; all at once they would fill its queue of open requests and stall it.
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
  struct Lines {
    const char* next = nullptr;
    const char* end = nullptr;
  };

  const World* world_;
  std::uint32_t lines_a_share_ = 0;
  std::uint32_t row_ = 0;
  std::size_t run_ = 0;
  std::array<Lines, 10> runs_;
};

}  // namespace metta
