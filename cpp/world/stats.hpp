// Statistics as interned slots: one row a tracker, a bit that says whether the name exists yet.
#pragma once

#include <cstdint>
#include <vector>

#include "game/game.hpp"

namespace metta {

class StatTable {
 public:
  void reset(std::size_t names, std::size_t trackers);
  std::size_t add_tracker();  // returns its row

  float get(std::size_t row, std::size_t stat) {  // reading a statistic creates it
    touch(row, stat);
    return values_[row * names_ + stat];
  }
  void set(std::size_t row, std::size_t stat, float value) {
    touch(row, stat);
    values_[row * names_ + stat] = value;
  }
  void add(std::size_t row, std::size_t stat, float value) {
    touch(row, stat);
    values_[row * names_ + stat] += value;
  }

  bool exists(std::size_t row, std::size_t stat) const {
    return (touched_[row * words_ + stat / 64] >> (stat % 64)) & 1U;
  }
  float value(std::size_t row, std::size_t stat) const { return values_[row * names_ + stat]; }
  const float* row(std::size_t row) const { return values_.data() + row * names_; }
  std::size_t row_bytes() const { return names_ * sizeof(float); }
  // Counts one more name of this tracker that has no slot here; throws at kMaxStatsPerTracker.
  void count_unlisted_name(std::size_t row);
  std::size_t bytes() const { return values_.capacity() * 4 + touched_.capacity() * 8 + counts_.capacity() * 2; }

 private:
  void touch(std::size_t row, std::size_t stat) {
    std::uint64_t& word = touched_[row * words_ + stat / 64];
    const std::uint64_t bit = std::uint64_t{1} << (stat % 64);
    if (!(word & bit)) [[unlikely]] create(row, word, bit);
  }
  void create(std::size_t row, std::uint64_t& word, std::uint64_t bit);

  std::size_t names_ = 0;
  std::size_t words_ = 0;
  std::vector<float> values_;
  std::vector<std::uint64_t> touched_;
  std::vector<std::uint16_t> counts_;  // names a tracker has
};

}  // namespace metta
