// Amounts held by one object, iterated in the order in which libstdc++'s std::unordered_map<uint8_t, uint16_t> would.
#pragma once

#include <cstdint>

#include "game/hash_order.hpp"
#include "game/types.hpp"

namespace metta {

// A view of one inventory inside World::inventory_pool. All of it is uint16_t words:
//   [0] buckets  [1] rehash threshold  [2] size  [3..) amount of each resource  then one total a limit group
//   then the keys held in iteration order, one byte each.
class Inventory {
 public:
  Inventory(std::uint16_t* words, std::uint32_t resources, std::uint32_t groups)
      : held_(words, reinterpret_cast<ResourceId*>(words + 3 + resources + groups)),
        amounts_(words + 3),
        totals_(words + 3 + resources) {}

  static std::uint32_t words_needed(std::uint32_t resources, std::uint32_t groups) {
    return 3 + resources + groups + (resources + 1) / 2;
  }
  static void initialise(std::uint16_t* words, std::uint32_t resources, std::uint32_t groups);

  Quantity amount(ResourceId item) const { return amounts_[item]; }
  Quantity total(std::uint32_t group) const { return totals_[group]; }
  void set_total(std::uint32_t group, Quantity total) { totals_[group] = total; }
  std::uint32_t size() const { return held_.size(); }
  std::uint32_t buckets() const { return held_.buckets(); }
  ResourceId item(std::uint32_t position) const { return held_.key(position); }  // in iteration order

  // Stores an amount the way `map[item] = amount`, erased when 0, changes the map's order.
  void store(ResourceId item, Quantity amount);

 private:
  HashedKeys held_;
  Quantity* amounts_;
  Quantity* totals_;
};

}  // namespace metta
