// Rules may call rules: a handler uses an object whose handler uses it back, an event falls back on itself. The
// published engine runs out of stack there; this one raises.
#pragma once

#include "world/world.hpp"

namespace metta {

inline constexpr std::uint32_t kMaxRuleDepth = 1000;

class DepthGuard {
 public:
  explicit DepthGuard(World& world) : world_(world) {
    if (world_.rule_depth >= kMaxRuleDepth) {
      throw WorldError("handlers and events call each other without end (deeper than " +
                       std::to_string(kMaxRuleDepth) + ")");
    }
    ++world_.rule_depth;
  }
  ~DepthGuard() { --world_.rule_depth; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  World& world_;
};

}  // namespace metta
