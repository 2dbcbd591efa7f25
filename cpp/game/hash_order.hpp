// The order in which libstdc++'s std::unordered_map with std::uint8_t keys would hold them. It shows in observation
// tokens and decides which resource a shrinking limit drops first.
#pragma once

#include <cstdint>
#include <vector>

#include "game/types.hpp"

namespace metta {

// The keys of one such map, in memory of its owner.
class HashedKeys {
 public:
  // `counts`: buckets (1 in an empty map), rehash threshold, size. `keys`: in iteration order.
  HashedKeys(std::uint16_t* counts, ResourceId* keys) : counts_(counts), keys_(keys) {}

  std::uint32_t buckets() const { return counts_[0]; }
  std::uint32_t size() const { return counts_[2]; }
  ResourceId key(std::uint32_t position) const { return keys_[position]; }

  void insert(ResourceId key);  // one that is not there
  void erase(ResourceId key);   // one that is
  // `map.reserve(n)` before anything is inserted.
  void reserve(std::uint32_t n);

 private:
  void place(ResourceId key, std::uint32_t size);
  void rehash(std::uint32_t buckets);

  std::uint16_t* counts_;
  ResourceId* keys_;
};

// The order in which such a map holds these keys once they are inserted one by one; `reserve` as for a map made from a
// Python dict.
std::vector<ResourceId> hash_order(const std::vector<ResourceId>& keys, bool reserve);

}  // namespace metta
