// The tokens about the episode and about the agent itself, which stand first in every observation.
#pragma once

#include <cstdint>

#include "observe/token_writer.hpp"
#include "world/world.hpp"

namespace metta {

// Those of one step. Most of their bytes are the same for all agents.
class GlobalTokens {
 public:
  GlobalTokens(const Game& game, std::uint32_t step);

  void write(const Game& game, const World& world, std::uint32_t row, TokenWriter& writer) const;

 private:
  // Where a value's byte is in a piece: in both words, as a factor of the value. 0 where no token shows it.
  struct Place {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
  };
  Place add(bool shown, std::uint8_t feature);

  TokenPiece tokens_;  // their locations and what differs from agent to agent left 0
  std::uint32_t count_ = 0;
  Place action_;
  Place moved_;
};

}  // namespace metta
