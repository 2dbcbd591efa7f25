#include "world/stats.hpp"

namespace metta {

void StatTable::reset(std::size_t names, std::size_t trackers) {
  names_ = names;
  words_ = (names + 63) / 64;
  values_.assign(names_ * trackers, 0.0F);
  touched_.assign(words_ * trackers, 0);
  counts_.assign(trackers, 0);
}

std::size_t StatTable::add_tracker() {
  values_.resize(values_.size() + names_, 0.0F);
  touched_.resize(touched_.size() + words_, 0);
  counts_.push_back(0);
  return counts_.size() - 1;
}

void StatTable::count_unlisted_name(std::size_t row) {
  if (counts_[row] >= kMaxStatsPerTracker) {
    throw WorldError("a tracker of statistics is full: it holds at most " + std::to_string(kMaxStatsPerTracker) +
                     " distinct names");
  }
  ++counts_[row];
}

void StatTable::create(std::size_t row, std::uint64_t& word, std::uint64_t bit) {
  count_unlisted_name(row);
  word |= bit;
}

}  // namespace metta
