#include "world/inventory.hpp"

#include <algorithm>

namespace metta {

void Inventory::initialise(std::uint16_t* words, std::uint32_t resources, std::uint32_t groups) {
  std::fill_n(words, words_needed(resources, groups), std::uint16_t{0});
  words[0] = 1;
}

void Inventory::store(ResourceId item, Quantity amount) {
  if (amounts_[item] == 0) held_.insert(item);  // even to be erased again: that may rehash
  amounts_[item] = amount;
  if (amount == 0) held_.erase(item);
}

}  // namespace metta
