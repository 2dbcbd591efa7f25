#include "world/inventory.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace metta {

namespace {

// libstdc++'s bucket counts: a table for small numbers, then primes. 257 is the largest that 256 keys can need, 541
// the largest that doubling can ask for.
constexpr std::array<std::uint16_t, 14> kSmallCounts = {1, 2, 2, 3, 5, 5, 7, 7, 11, 11, 11, 11, 13, 13};
constexpr std::array<std::uint16_t, 57> kPrimes = {
    17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,
    103, 109, 113, 127, 137, 139, 149, 157, 167, 179, 193, 199, 211, 227, 241, 257, 277, 293, 313,
    337, 359, 383, 409, 439, 467, 503, 541, 577, 619, 661, 709, 761, 823, 887, 953, 1031, 1109, 1193};

}  // namespace

std::uint32_t next_bucket_count(std::uint32_t n) {
  if (n < kSmallCounts.size()) return kSmallCounts[n];
  return *std::lower_bound(kPrimes.begin(), kPrimes.end(), n);
}

void Inventory::initialise(std::uint16_t* words, std::uint32_t resources, std::uint32_t groups) {
  std::fill_n(words, words_needed(resources, groups), std::uint16_t{0});
  words[0] = 1;
}

void Inventory::store(ResourceId item, Quantity amount) {
  const Quantity old = amounts_[item];
  if (old == 0) insert(item);  // an absent item is inserted even to be erased again: that may rehash
  amounts_[item] = amount;
  if (amount != 0) return;
  const std::uint32_t size = words_[2];
  std::uint8_t* position = std::find(order_, order_ + size, item);
  std::memmove(position, position + 1, static_cast<std::size_t>(order_ + size - position - 1));
  words_[2] = static_cast<std::uint16_t>(size - 1);
}

void Inventory::reserve(std::uint32_t n) {
  const std::uint32_t buckets = next_bucket_count(std::max(std::uint32_t{words_[2]} + 1, n));
  words_[1] = static_cast<std::uint16_t>(buckets);
  if (buckets != words_[0]) rehash(buckets);
}

void Inventory::insert(ResourceId item) {
  const std::uint32_t size = words_[2];
  const std::uint32_t buckets = words_[0];
  if (size + 1 > words_[1]) {
    const std::uint32_t wanted = words_[1] == 0 ? std::max<std::uint32_t>(size + 1, 11) : size + 1;
    if (wanted >= buckets) {
      rehash(next_bucket_count(std::max(wanted + 1, 2 * buckets)));
    } else {
      words_[1] = static_cast<std::uint16_t>(buckets);
    }
  }
  place(item, size);
  words_[2] = static_cast<std::uint16_t>(size + 1);
}

// Before the first key of its bucket, at the front when the bucket is empty.
void Inventory::place(ResourceId item, std::uint32_t size) {
  const std::uint32_t buckets = words_[0];
  const std::uint32_t bucket = item % buckets;
  std::uint32_t position = 0;
  while (position < size && order_[position] % buckets != bucket) ++position;
  if (position == size) position = 0;
  std::memmove(order_ + position + 1, order_ + position, size - position);
  order_[position] = item;
}

void Inventory::rehash(std::uint32_t buckets) {
  std::array<std::uint8_t, 256> keys{};
  const std::uint32_t size = words_[2];
  std::copy_n(order_, size, keys.begin());
  words_[0] = words_[1] = static_cast<std::uint16_t>(buckets);
  for (std::uint32_t i = 0; i < size; ++i) place(keys[i], i);
}

std::vector<ResourceId> hash_order(const std::vector<ResourceId>& keys, bool reserve) {
  std::vector<std::uint16_t> words(Inventory::words_needed(256, 0));
  Inventory::initialise(words.data(), 256, 0);
  Inventory table(words.data(), 256, 0);
  if (reserve) table.reserve(static_cast<std::uint32_t>(keys.size()));
  for (const ResourceId key : keys) {
    if (table.amount(key) == 0) table.store(key, 1);
  }
  std::vector<ResourceId> order(table.size());
  for (std::uint32_t i = 0; i < table.size(); ++i) order[i] = table.item(i);
  return order;
}

}  // namespace metta
