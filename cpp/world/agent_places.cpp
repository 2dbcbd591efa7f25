#include "world/agent_places.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "world/world.hpp"

namespace metta {

void AgentPlaces::gather(const World& world) {
  agents_ = world.game->num_agents;
  placements_ = world.placements;
  rows_.resize((agents_ + kTogether - 1) / kTogether);
  cols_.resize(rows_.size());
  for (std::uint32_t row = 0; row < agents_; ++row) {
    const Location at = world.objects[world.agents[row].object].location;
    rows_[row / kTogether][row % kTogether] = at.row;
    cols_[row / kTogether][row % kTogether] = at.col;
  }
}

bool AgentPlaces::outdated(const World& world) const { return placements_ != world.placements; }

// One bit a lane, of lanes that have either all bits or none.
std::uint64_t AgentPlaces::bits_of(Lanes lanes) {
  lanes &= Lanes{1, 2, 4, 8, 16, 32, 64, 128};
  const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(lanes);
  return (halves[0] + halves[1]) * 0x0001000100010001U >> 48;  // the sum of the lanes
}

// Differences are taken modulo 2^16. Where the squares of a radius do not fit that, the square around the circle is
// found, and beyond 2^15 everybody.
std::uint64_t AgentPlaces::around(Location centre, std::uint32_t radius, std::uint32_t word) const {
  constexpr std::uint32_t kExactRadius = 181;  // 2 * 181 * 181 < 2^16
  const std::uint64_t all = ~std::uint64_t{0} >> (64 - std::min(64U, agents_ - word * 64));
  if (radius > 0x7FFF) return all;
  const auto reach = static_cast<std::uint16_t>(radius);
  const auto side = static_cast<std::uint16_t>(2 * radius);
  const auto squared = static_cast<std::uint16_t>(radius <= kExactRadius ? radius * radius : 0xFFFF);
  const std::size_t first = std::size_t{word} * (64 / kTogether);
  const std::size_t end = std::min(rows_.size(), first + 64 / kTogether);
  std::uint64_t found = 0;
  for (std::size_t i = first; i < end; ++i) {
    const Lanes rows = rows_[i] - centre.row;
    const Lanes cols = cols_[i] - centre.col;
    const auto near = (rows + reach <= side) & (cols + reach <= side) & (rows * rows + cols * cols <= squared);
    found |= bits_of(std::bit_cast<Lanes>(near)) << ((i - first) * kTogether);
  }
  return found & all;  // the last lanes may stand for nobody
}

}  // namespace metta
