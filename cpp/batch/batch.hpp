// Many worlds of one game over one set of buffers: stepped by groups on threads, the next episode begun in place.
//
// Worlds share nothing that changes, so what a world does depends neither on the number of threads nor on the others.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <sys/types.h>

#include "batch/thread_pool.hpp"
#include "episode/construct.hpp"
#include "episode/random_maps.hpp"
#include "world/world.hpp"

namespace metta {

// What an ended episode leaves behind.
struct EpisodeSummary {
  std::uint32_t world = 0;
  std::uint32_t env_steps = 0;
  bool token_overflow = false;            // ended because an agent saw more tokens than its observation holds
  bool early_end_set = false;             // Batch::end_early was called for it
  std::vector<float> rewards;             // [agents], summed over the episode
  std::vector<double> agent_stat_sums;    // by agent statistic, summed over the agents that have it
  std::vector<std::uint8_t> agent_stat_seen;
  std::vector<std::pair<std::int32_t, double>> invalid_index_sums;
  std::vector<float> game_stats;          // by game statistic
  std::vector<std::uint8_t> game_stat_seen;
};

// A world that stopped at an error. It stands still until its next episode begins.
struct WorldFailure {
  std::uint32_t world = 0;
  std::optional<std::uint32_t> env_step;  // none where it cannot be known
  std::uint32_t agent = kNoAgent;         // in whose turn it happened, kNoAgent for none
  std::string message;
};

// A map, or the seed of one that is made when its episode begins, on the thread that begins it.
using MapSource = std::variant<std::shared_ptr<const Map>, std::uint64_t>;

class Batch {
 public:
  // `random_maps` makes the maps of seeds; null where none will be given.
  Batch(std::shared_ptr<const Game> game, std::size_t worlds, std::size_t threads, std::size_t groups,
        std::shared_ptr<const RandomMaps> random_maps);
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Rows of all worlds, one after the other. No world runs before its first begin_episode.
  void attach(const Buffers& buffers);
  void begin_episode(std::size_t world, MapSource map, std::uint32_t seed);

  // Episode turnover: when the running episode ends, the same step begins the next one here. Its first observation
  // replaces the last one; the flags and rewards of the last step stay until the following step.
  void set_next_episode(std::size_t world, MapSource map, std::uint32_t seed);
  // The next step clears the flags in the rows: they tell of the episode before.
  void show_flags(std::size_t world) { slots_[world].flags_shown = true; }
  // Truncates the running episode at that step.
  void end_early(std::size_t world, std::uint32_t env_step) { slots_[world].ends_early = env_step; }

  void step();                         // all worlds, and returns when they are done
  void step_async(std::size_t group);  // returns at once
  // Helps until the group has stepped. In a process forked meanwhile its worlds have failed instead.
  void wait(std::size_t group);

  // Episodes that ended, and worlds that failed, since the last call; in world order, of one group or of all. Summaries
  // stand until their worlds step again.
  std::vector<const EpisodeSummary*> take_ended(std::optional<std::size_t> group = std::nullopt);
  std::vector<WorldFailure> take_failures(std::optional<std::size_t> group = std::nullopt);
  bool any_untaken() const { return ended_.count() + failed_.count() > 0; }

  std::size_t num_worlds() const { return slots_.size(); }
  std::size_t num_groups() const { return groups_; }
  const World& world(std::size_t index) const { return slots_[index].world; }
  bool running(std::size_t world) const { return slots_[world].running; }
  std::size_t first_world(std::size_t group) const { return group * slots_.size() / groups_; }

 private:
  struct Episode {
    MapSource map;
    std::uint32_t seed = 0;
  };
  struct Slot {
    World world;
    bool running = false;
    bool over = false;         // the episode ended and was reported
    bool flags_shown = false;  // rewards and flags of an ended episode stand in the rows until the next step
    std::uint32_t ends_early = 0;
    std::optional<Episode> next;
    EpisodeSummary summary;           // of the last episode that ended
    std::vector<float> last_rewards;  // [agents]: scratch of turn_over
    std::optional<WorldFailure> failure;
  };
  // Worlds that have something to tell. Beside their slots, which lie too far apart to look into all of them.
  class Marks {
   public:
    explicit Marks(std::size_t worlds) : marks_(worlds) {}
    std::size_t count() const { return count_; }
    bool marked(std::size_t world) const { return marks_[world] != 0; }
    // By different threads for different worlds.
    void mark(std::size_t world) {
      count_ += marks_[world] == 0 ? 1 : 0;
      marks_[world] = 1;
    }
    void unmark(std::size_t world) {
      count_ -= marks_[world];
      marks_[world] = 0;
    }

   private:
    std::vector<std::uint8_t> marks_;
    std::atomic<std::size_t> count_{0};
  };

  // Where a step finds its worlds.
  enum class Reach : std::uint8_t { unknown, caches, memory };

  std::pair<std::size_t, std::size_t> worlds_of(std::optional<std::size_t> group) const;
  Buffers rows_of(std::size_t world) const;
  const Map& map_of(const Episode& episode) const;
  void start(std::size_t world, const Episode& episode);
  void step_slot(std::size_t world, const World* next_world);
  void step_slots(std::size_t group, std::size_t first, std::size_t end);
  void run_one_step(std::size_t world, const World* next_world);
  void turn_over(std::size_t world);
  void look_at_memory(std::size_t group);
  void prepare(std::size_t world);
  void make_jobs();
  ThreadPool& pool();
  bool forked() const;  // whether this process is a child of the one whose threads the pool's are
  void leave_threads_to_parent();

  std::shared_ptr<const Game> game_;
  std::shared_ptr<const RandomMaps> random_maps_;
  std::vector<Slot> slots_;
  std::size_t threads_;
  std::size_t groups_;
  Buffers buffers_;
  Marks ended_;   // whose summaries nobody has taken
  Marks failed_;  // likewise failures
  std::vector<std::unique_ptr<Job>> jobs_;  // by group
  std::vector<std::uint8_t> in_flight_;     // by group: step_async was called, wait not yet
  std::vector<Reach> reach_;                // by group
  std::unique_ptr<ThreadPool> pool_;        // after the jobs: its threads end before them
  pid_t pool_owner_ = 0;  // the process whose threads the pool's are
};

}  // namespace metta
