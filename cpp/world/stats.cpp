#include "world/stats.hpp"

#include <algorithm>

namespace metta {

void StatTable::reset(std::size_t names, std::size_t room) {
  names_ = names;
  words_ = (names + 63) / 64;
  room_ = room;
  values_.assign(names * room, 0.0F);
  touched_.clear();
  counts_.clear();
  oldest_.clear();
}

std::size_t StatTable::add_tracker() {
  const std::size_t row = counts_.size();
  if (row == room_) make_room(std::max<std::size_t>(2 * room_, 1));
  touched_.resize(touched_.size() + words_, 0);
  counts_.push_back(0);
  oldest_.push_back(0);
  return row;
}

void StatTable::make_room(std::size_t trackers) {
  std::vector<float> values(names_ * trackers, 0.0F);
  for (std::size_t stat = 0; stat < names_; ++stat) {
    std::copy_n(values_.data() + stat * room_, room_, values.data() + stat * trackers);
  }
  values_ = std::move(values);
  room_ = trackers;
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
