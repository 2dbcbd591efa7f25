// Where the agents of a world stand, laid out so that those around a place are found eight at a time: mobile areas ask
// for them in every step, and most agents are far away.
#pragma once

#include <cstdint>
#include <vector>

#include "game/types.hpp"

namespace metta {

struct World;

class AgentPlaces {
 public:
  void gather(const World& world);
  bool outdated(const World& world) const;  // something has been put somewhere since

  // Of the agents 64 * word .. 64 * word + 63 all those at most `radius` away from `centre`, one bit each, and perhaps
  // some more.
  std::uint64_t around(Location centre, std::uint32_t radius, std::uint32_t word) const;

  std::size_t bytes() const { return (rows_.capacity() + cols_.capacity()) * sizeof(Lanes); }

 private:
  static constexpr std::uint32_t kTogether = 8;
  using Lanes [[gnu::vector_size(16)]] = std::uint16_t;

  static std::uint64_t bits_of(Lanes lanes);

  std::uint32_t agents_ = 0;
  std::uint32_t placements_ = 0;  // World::placements when they were gathered
  std::vector<Lanes> rows_;
  std::vector<Lanes> cols_;
};

}  // namespace metta
