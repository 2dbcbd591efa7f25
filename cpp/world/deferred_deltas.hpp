// Resource deltas of all fixed AOEs on one agent, summed and applied once: +70 and -60 at a cap are one +10.
#pragma once

#include <cstdint>
#include <vector>

#include "game/numbers.hpp"
#include "game/types.hpp"

namespace metta {

struct DeferredDeltas {
  struct Sum {
    ResourceId resource = 0;
    std::int32_t delta = 0;
  };
  std::vector<Sum> sums;  // in the order the resources were first touched

  void add(ResourceId resource, std::int32_t delta) {
    for (Sum& sum : sums) {
      if (sum.resource == resource) {
        sum.delta = wrapping_add(sum.delta, delta);
        return;
      }
    }
    sums.push_back({resource, delta});
  }
};

}  // namespace metta
