// Amounts held by one object, iterated in the order in which libstdc++'s std::unordered_map<uint8_t, uint16_t> would:
// that order shows in observation tokens and decides which resource a shrinking limit drops first.
#pragma once

#include <cstdint>
#include <vector>

#include "game/types.hpp"

namespace metta {

// The bucket count that libstdc++ chooses for at least `n` buckets.
std::uint32_t next_bucket_count(std::uint32_t n);

// A view of one inventory inside World::inventory_pool. All of it is uint16_t words:
//   [0] buckets  [1] rehash threshold  [2] size  [3..) amount of each resource  then one total a limit group
//   then the keys held in iteration order, one byte each.
class Inventory {
 public:
  Inventory(std::uint16_t* words, std::uint32_t resources, std::uint32_t groups)
      : words_(words),
        amounts_(words + 3),
        totals_(words + 3 + resources),
        order_(reinterpret_cast<std::uint8_t*>(words + 3 + resources + groups)) {}

  static std::uint32_t words_needed(std::uint32_t resources, std::uint32_t groups) {
    return 3 + resources + groups + (resources + 1) / 2;
  }
  static void initialise(std::uint16_t* words, std::uint32_t resources, std::uint32_t groups);

  Quantity amount(ResourceId item) const { return amounts_[item]; }
  Quantity total(std::uint32_t group) const { return totals_[group]; }
  void set_total(std::uint32_t group, Quantity total) { totals_[group] = total; }
  std::uint32_t size() const { return words_[2]; }
  std::uint32_t buckets() const { return words_[0]; }
  ResourceId item(std::uint32_t position) const { return order_[position]; }  // in iteration order

  // Stores an amount the way `map[item] = amount`, erased when 0, changes the map's order.
  void store(ResourceId item, Quantity amount);
  // `map.reserve(n)` before anything is inserted.
  void reserve(std::uint32_t n);

 private:
  void insert(ResourceId item);
  void place(ResourceId item, std::uint32_t size);
  void rehash(std::uint32_t buckets);

  std::uint16_t* words_;
  std::uint16_t* amounts_;
  std::uint16_t* totals_;
  std::uint8_t* order_;
};

// The order in which such a map holds these keys once they are inserted one by one; `reserve` as for a map made from a
// Python dict.
std::vector<ResourceId> hash_order(const std::vector<ResourceId>& keys, bool reserve);

}  // namespace metta
