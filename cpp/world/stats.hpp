// Statistics as interned slots, and a bit that says whether a tracker has the name yet. The values of one statistic lie
// together: a step changes a few statistics of every agent, and finds them in a few lines of memory.
#pragma once

#include <cstdint>
#include <vector>

#include "game/game.hpp"

namespace metta {

class StatTable {
 public:
  // Without trackers, but with room for as many.
  void reset(std::size_t names, std::size_t room);
  std::size_t add_tracker();  // returns its row

  float get(std::size_t row, std::size_t stat) {  // reading a statistic creates it
    touch(row, stat);
    return values_[stat * room_ + row];
  }
  void set(std::size_t row, std::size_t stat, float value) {
    touch(row, stat);
    values_[stat * room_ + row] = value;
  }
  void add(std::size_t row, std::size_t stat, float value) {
    touch(row, stat);
    values_[stat * room_ + row] += value;
  }
  // A statistic that the first trackers all have, one value for each: a few instructions for all of them.
  void set_existing(std::size_t stat, const std::vector<std::int32_t>& values) {
    float* of_stat = &values_[stat * room_];
    for (std::size_t row = 0; row < values.size(); ++row) of_stat[row] = static_cast<float>(values[row]);
  }

  bool exists(std::size_t row, std::size_t stat) const {
    return (touched_[row * words_ + stat / 64] >> (stat % 64)) & 1U;
  }
  float value(std::size_t row, std::size_t stat) const { return values_[stat * room_ + row]; }
  // The statistic that this tracker has had longest; throws when it has none.
  StatId oldest(std::size_t row) const;
  const std::vector<float>& values() const { return values_; }  // [statistics, room for trackers]
  const std::vector<std::uint64_t>& touched() const { return touched_; }  // a bit: the tracker has the statistic
  std::size_t room() const { return room_; }
  // Counts one more name of this tracker that has no slot here; throws at kMaxStatsPerTracker.
  void count_unlisted_name(std::size_t row);
  std::size_t bytes() const {
    return values_.capacity() * 4 + touched_.capacity() * 8 + counts_.capacity() * 2 +
           oldest_.capacity() * 2;
  }

 private:
  void touch(std::size_t row, std::size_t stat) {
    if (!exists(row, stat)) [[unlikely]] create(row, stat);
  }
  void create(std::size_t row, std::size_t stat);
  void make_room(std::size_t trackers);

  std::size_t names_ = 0;
  std::size_t words_ = 0;  // of touched_, for one tracker
  std::size_t room_ = 0;
  std::vector<float> values_;
  std::vector<std::uint64_t> touched_;
  std::vector<std::uint16_t> counts_;  // names a tracker has
  std::vector<StatId> oldest_;         // [trackers], where counts_ is not 0
};

}  // namespace metta
