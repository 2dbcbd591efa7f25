// Orders that come from libstdc++: its hash table's and its shuffle's. This file is compiled against libstdc++, so the
// original is at hand.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <unordered_map>
#include <vector>

#include "check.hpp"
#include "game/hash_order.hpp"
#include "world/inventory.hpp"
#include "world/random.hpp"

namespace metta::tests {

namespace {

using Map = std::unordered_map<std::uint8_t, std::uint16_t>;

std::vector<ResourceId> keys_of(const Map& map) {
  std::vector<ResourceId> keys;
  for (const auto& entry : map) keys.push_back(entry.first);
  return keys;
}

}  // namespace

void test_inventory_order() {
  Draws draw(5);
  for (int round = 0; round < 40; ++round) {
    const int resources = draw(1, 255);
    std::vector<std::uint16_t> words(Inventory::words_needed(static_cast<std::uint32_t>(resources), 2));
    Inventory::initialise(words.data(), static_cast<std::uint32_t>(resources), 2);
    Inventory ours(words.data(), static_cast<std::uint32_t>(resources), 2);
    Map judge;
    for (int change = 0; change < 600; ++change) {
      const auto item = static_cast<ResourceId>(draw(0, resources - 1));
      const auto amount = static_cast<Quantity>(draw(0, 2) == 0 ? 0 : draw(1, 65535));
      ours.store(item, amount);
      judge[item] = amount;
      if (amount == 0) judge.erase(item);
      CHECK(ours.size() == judge.size());
      const std::vector<ResourceId> keys = keys_of(judge);
      for (std::uint32_t i = 0; i < keys.size(); ++i) {
        CHECK(ours.item(i) == keys[i], "round " + std::to_string(round) + ", change " + std::to_string(change));
        CHECK(ours.amount(keys[i]) == judge[keys[i]]);
      }
    }
  }
}

void test_hash_order() {
  Draws draw(6);
  for (int round = 0; round < 400; ++round) {
    std::vector<ResourceId> keys(static_cast<std::size_t>(draw(0, 60)));
    for (ResourceId& key : keys) key = static_cast<ResourceId>(draw(0, 255));  // some of them twice
    for (const bool reserve : {false, true}) {
      Map judge;
      if (reserve) judge.reserve(keys.size());
      for (const ResourceId key : keys) judge.emplace(key, 1);
      CHECK(hash_order(keys, reserve) == keys_of(judge), "round " + std::to_string(round));
    }
  }
}

void test_random_stream() {
  for (const std::uint32_t seed : {0U, 1U, 5489U, 4294967295U}) {
    Random ours(seed);
    std::mt19937 judge(seed);
    for (int i = 0; i < 3000; ++i) CHECK(ours.next32() == judge());
  }
}

void test_shuffle() {
  Random ours(7);
  std::mt19937 judge(7);
  for (const std::size_t size : {0, 1, 2, 3, 4, 5, 24, 63, 64, 1000, 65535, 65536, 65537, 70000}) {
    std::vector<std::uint32_t> items(size);
    std::iota(items.begin(), items.end(), 0U);
    std::vector<std::uint32_t> expected = items;
    ours.shuffle(items.data(), items.size());
    std::shuffle(expected.begin(), expected.end(), judge);
    CHECK(items == expected, std::to_string(size) + " items");
  }
}

}  // namespace metta::tests
