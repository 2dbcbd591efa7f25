#include "game/hash_order.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstring>

namespace metta {

namespace {

constexpr std::size_t kMostKeys = 256;

// libstdc++'s bucket counts: a table for small numbers, then primes. 257 is the largest that 256 keys can need, 541
// the largest that doubling can ask for.
constexpr std::array<std::uint16_t, 14> kSmallCounts = {1, 2, 2, 3, 5, 5, 7, 7, 11, 11, 11, 11, 13, 13};
constexpr std::array<std::uint16_t, 57> kPrimes = {
    17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,
    103, 109, 113, 127, 137, 139, 149, 157, 167, 179, 193, 199, 211, 227, 241, 257, 277, 293, 313,
    337, 359, 383, 409, 439, 467, 503, 541, 577, 619, 661, 709, 761, 823, 887, 953, 1031, 1109, 1193};

// The bucket count that libstdc++ chooses for at least `n` buckets.
std::uint32_t next_bucket_count(std::uint32_t n) {
  if (n < kSmallCounts.size()) return kSmallCounts[n];
  return *std::lower_bound(kPrimes.begin(), kPrimes.end(), n);
}

}  // namespace

void HashedKeys::insert(ResourceId key) {
  const std::uint32_t size = counts_[2];
  const std::uint32_t buckets = counts_[0];
  if (size + 1 > counts_[1]) {
    const std::uint32_t wanted = counts_[1] == 0 ? std::max<std::uint32_t>(size + 1, 11) : size + 1;
    if (wanted >= buckets) {
      rehash(next_bucket_count(std::max(wanted + 1, 2 * buckets)));
    } else {
      counts_[1] = static_cast<std::uint16_t>(buckets);
    }
  }
  place(key, size);
  counts_[2] = static_cast<std::uint16_t>(size + 1);
}

void HashedKeys::erase(ResourceId key) {
  const std::uint32_t size = counts_[2];
  ResourceId* position = std::find(keys_, keys_ + size, key);
  std::memmove(position, position + 1, static_cast<std::size_t>(keys_ + size - position - 1));
  counts_[2] = static_cast<std::uint16_t>(size - 1);
}

void HashedKeys::reserve(std::uint32_t n) {
  const std::uint32_t buckets = next_bucket_count(std::max(size() + 1, n));
  counts_[1] = static_cast<std::uint16_t>(buckets);
  if (buckets != counts_[0]) rehash(buckets);
}

// Before the first key of its bucket, at the front when the bucket is empty.
void HashedKeys::place(ResourceId key, std::uint32_t size) {
  const std::uint32_t buckets = counts_[0];
  const std::uint32_t bucket = key % buckets;
  std::uint32_t position = 0;
  while (position < size && keys_[position] % buckets != bucket) ++position;
  if (position == size) position = 0;
  std::memmove(keys_ + position + 1, keys_ + position, size - position);
  keys_[position] = key;
}

void HashedKeys::rehash(std::uint32_t buckets) {
  std::array<ResourceId, kMostKeys> keys{};
  const std::uint32_t size = counts_[2];
  std::copy_n(keys_, size, keys.begin());
  counts_[0] = counts_[1] = static_cast<std::uint16_t>(buckets);
  for (std::uint32_t i = 0; i < size; ++i) place(keys[i], i);
}

std::vector<ResourceId> hash_order(const std::vector<ResourceId>& keys, bool reserve) {
  std::array<std::uint16_t, 3> counts{1, 0, 0};
  std::array<ResourceId, kMostKeys> order{};
  std::bitset<kMostKeys> inserted;
  HashedKeys table(counts.data(), order.data());
  if (reserve) table.reserve(static_cast<std::uint32_t>(keys.size()));
  for (const ResourceId key : keys) {
    if (inserted[key]) continue;
    inserted[key] = true;
    table.insert(key);
  }
  return {order.begin(), order.begin() + table.size()};
}

}  // namespace metta
