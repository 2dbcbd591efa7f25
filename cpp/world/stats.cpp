#include "world/stats.hpp"

namespace metta {

void StatTable::reset(std::size_t names, std::size_t trackers) {
  names_ = names;
  words_ = (names + 63) / 64;
  values_.assign(names_ * trackers, 0.0F);
  touched_.assign(words_ * trackers, 0);
  counts_.assign(trackers, 0);
  oldest_.assign(trackers, 0);
}

std::size_t StatTable::add_tracker() {
  values_.resize(values_.size() + names_, 0.0F);
  touched_.resize(touched_.size() + words_, 0);
  counts_.push_back(0);
  oldest_.push_back(0);
  return counts_.size() - 1;
}

void StatTable::count_unlisted_name(std::size_t row) {
  if (counts_[row] >= kMaxStatsPerTracker) {
    throw WorldError("a tracker of statistics is full: it holds at most " + std::to_string(kMaxStatsPerTracker) +
                     " distinct names");
  }
  ++counts_[row];
}

StatId StatTable::oldest(std::size_t row) const {
  if (counts_[row] == 0) {
    throw WorldError("a statistic without a name is read or changed where there is no statistic yet");
  }
  return oldest_[row];
}

void StatTable::create(std::size_t row, std::size_t stat) {
  count_unlisted_name(row);
  if (counts_[row] == 1) oldest_[row] = static_cast<StatId>(stat);
  touched_[row * words_ + stat / 64] |= std::uint64_t{1} << (stat % 64);
}

}  // namespace metta
