#include "batch/batch.hpp"

#include <algorithm>
#include <exception>

#include <unistd.h>

#include "batch/huge_pages.hpp"
#include "episode/step.hpp"
#include "world/prefetch.hpp"

namespace metta {

namespace {

// A step of fewer rows is over before another thread has heard of it.
constexpr std::size_t kRowsWorthAThread = 64;

// Fits the caches: huge pages would not help, and to ask for memory ahead would only take time.
constexpr std::size_t kFewBytes = 8 * 1024 * 1024;

// Into a summary whose vectors have their sizes.
void summarise(const World& world, EpisodeSummary& summary) {
  const Game& game = *world.game;
  summary.env_steps = world.step;
  std::copy(world.episode_rewards.begin(), world.episode_rewards.end(), summary.rewards.begin());
  for (std::size_t stat = 0; stat < game.agent_stat_names.size(); ++stat) {
    double sum = 0.0;
    bool seen = false;
    for (std::uint32_t row = 0; row < game.num_agents; ++row) {
      if (!world.agent_stats.exists(row, stat)) continue;
      sum += static_cast<double>(world.agent_stats.value(row, stat));
      seen = true;
    }
    summary.agent_stat_sums[stat] = sum;
    summary.agent_stat_seen[stat] = seen;
  }
  summary.invalid_index_sums.clear();
  for (const InvalidIndexCount& seen : world.invalid_index_counts) {
    const auto same = std::find_if(summary.invalid_index_sums.begin(), summary.invalid_index_sums.end(),
                                   [&](const auto& sum) { return sum.first == seen.index; });
    if (same != summary.invalid_index_sums.end()) {
      same->second += static_cast<double>(seen.count);
    } else {
      summary.invalid_index_sums.emplace_back(seen.index, static_cast<double>(seen.count));
    }
  }
  for (std::size_t stat = 0; stat < game.game_stat_names.size(); ++stat) {
    summary.game_stat_seen[stat] = world.game_stats.exists(0, stat);
    summary.game_stats[stat] = world.game_stats.value(0, stat);
  }
}

}  // namespace

Batch::Batch(std::shared_ptr<const Game> game, std::size_t worlds, std::size_t threads, std::size_t groups,
             std::shared_ptr<const RandomMaps> random_maps)
    : game_(std::move(game)),
      random_maps_(std::move(random_maps)),
      slots_(worlds),
      threads_(std::min(threads, worlds)),  // more would have nothing to do
      groups_(groups),
      ended_(worlds),
      failed_(worlds),
      in_flight_(groups),
      reach_(groups, Reach::unknown) {
  for (std::size_t world = 0; world < worlds; ++world) prepare(world);
  make_jobs();
}

Batch::~Batch() {
  if (forked()) leave_threads_to_parent();
}

// What the end of an episode fills has its size from the start.
void Batch::prepare(std::size_t world) {
  EpisodeSummary& summary = slots_[world].summary;
  summary.world = static_cast<std::uint32_t>(world);
  summary.rewards.resize(game_->num_agents);
  summary.agent_stat_sums.resize(game_->agent_stat_names.size());
  summary.agent_stat_seen.resize(game_->agent_stat_names.size());
  summary.game_stats.resize(game_->game_stat_names.size());
  summary.game_stat_seen.resize(game_->game_stat_names.size());
  slots_[world].last_rewards.resize(game_->num_agents);
}

void Batch::make_jobs() {
  for (std::size_t group = 0; group < groups_; ++group) {
    const std::size_t first = first_world(group);
    jobs_.push_back(std::make_unique<Job>(
        first_world(group + 1) - first, threads_,
        [this, group, first](std::size_t from, std::size_t to) { step_slots(group, first + from, first + to); }));
  }
}

Buffers Batch::rows_of(std::size_t world) const {
  const std::size_t first = world * game_->num_agents;
  Buffers rows;
  rows.observations = buffers_.observations + first * game_->observation.num_tokens * 3;
  rows.rewards = buffers_.rewards + first;
  rows.terminals = buffers_.terminals + first;
  rows.truncations = buffers_.truncations + first;
  rows.actions = buffers_.actions + first;
  rows.vibe_actions = buffers_.vibe_actions == nullptr ? nullptr : buffers_.vibe_actions + first;
  return rows;
}

void Batch::attach(const Buffers& buffers) {
  buffers_ = buffers;
  const std::size_t bytes = slots_.size() * game_->num_agents * game_->observation.num_tokens * kTokenBytes;
  if (bytes < kFewBytes) return;
  HugePages pages;
  pages.add(buffers.observations, bytes);
  pages.ask();
}

// A world keeps nothing of the map that it began on, so a thread makes all its maps in the same memory.
const Map& Batch::map_of(const Episode& episode) const {
  if (const auto* map = std::get_if<std::shared_ptr<const Map>>(&episode.map)) return **map;
  thread_local MapScratch scratch;
  return make_map(*random_maps_, std::get<std::uint64_t>(episode.map), scratch);
}

void Batch::start(std::size_t index, const Episode& episode) {
  Slot& slot = slots_[index];
  slot.running = slot.over = false;  // stays still when the construction fails
  slot.ends_early = 0;
  try {
    construct_world(slot.world, game_, map_of(episode), episode.seed);
  } catch (...) {
    slot.world.game.reset();  // half made: nobody may look at it
    throw;
  }
  // A published world observes once when made and once more when it is given these buffers: the second observation
  // counts its tokens again and draws the random numbers of its values again.
  attach_buffers(slot.world, rows_of(index));
  attach_buffers(slot.world, rows_of(index));
  slot.running = true;
}

void Batch::begin_episode(std::size_t world, MapSource map, std::uint32_t seed) {
  Slot& slot = slots_[world];
  slot.flags_shown = false;
  slot.next.reset();
  ended_.unmark(world);
  failed_.unmark(world);
  slot.failure.reset();
  start(world, {std::move(map), seed});
}

// Once, at the group's first step, when its worlds have taken their memory. Looks at this group's worlds only: others
// may be beginning an episode on another thread meanwhile.
void Batch::look_at_memory(std::size_t group) {
  const std::size_t first = first_world(group);
  const std::size_t end = first_world(group + 1);
  if (reach_[group] != Reach::unknown || !slots_[first].world.game) return;
  reach_[group] = slots_.size() * slots_[first].world.bytes() < kFewBytes ? Reach::caches : Reach::memory;
  if (reach_[group] == Reach::caches) return;
  HugePages pages;
  for (std::size_t index = first; index < end; ++index) {
    const World& world = slots_[index].world;
    if (!world.game) continue;
    const auto add = [&pages](const auto& items) { pages.add(items.data(), items.size() * sizeof(items[0])); };
    add(world.grid);
    add(world.objects);
    add(world.tokens.cells);
    add(world.tokens.pieces);
    add(world.inventory_pool);
    add(world.agent_stats.values());
  }
  pages.add(&slots_[first], (end - first) * sizeof(Slot));
  pages.ask();
}

void Batch::set_next_episode(std::size_t world, MapSource map, std::uint32_t seed) {
  slots_[world].next = Episode{std::move(map), seed};
}

void Batch::run_one_step(std::size_t index, const World* next_world) {
  Slot& slot = slots_[index];
  const Buffers rows = rows_of(index);
  bool overflow = false;
  try {
    step_world(slot.world, next_world);
  } catch (const TokenOverflow&) {
    // The published engine is undefined from here on. One crowded corner shall not end a long run: the episode does.
    overflow = true;
    std::fill_n(rows.truncations, game_->num_agents, true);
  }
  if (slot.ends_early != 0 && slot.world.step >= slot.ends_early) {
    std::fill_n(rows.truncations, game_->num_agents, true);
  }
  if (slot.over || (!rows.terminals[0] && !rows.truncations[0])) return;
  slot.over = true;
  summarise(slot.world, slot.summary);
  slot.summary.token_overflow = overflow;
  slot.summary.early_end_set = slot.ends_early != 0;
  ended_.mark(index);
  if (overflow) slot.running = false;
  if (slot.next) turn_over(index);
}

void Batch::turn_over(std::size_t index) {
  Slot& slot = slots_[index];
  const Buffers rows = rows_of(index);
  const std::size_t agents = game_->num_agents;
  std::copy_n(rows.rewards, agents, slot.last_rewards.begin());
  const bool terminal = rows.terminals[0];
  const bool truncated = rows.truncations[0];
  const Episode next = std::move(*slot.next);
  slot.next.reset();
  start(index, next);
  std::copy(slot.last_rewards.begin(), slot.last_rewards.end(), rows.rewards);
  std::fill_n(rows.terminals, agents, terminal);
  std::fill_n(rows.truncations, agents, truncated);
  slot.flags_shown = true;
}

void Batch::step_slot(std::size_t index, const World* next_world) {
  Slot& slot = slots_[index];
  if (!slot.running) return;
  if (slot.flags_shown) {
    const Buffers rows = rows_of(index);
    std::fill_n(rows.terminals, game_->num_agents, false);
    std::fill_n(rows.truncations, game_->num_agents, false);
    slot.flags_shown = false;
  }
  try {
    run_one_step(index, next_world);
  } catch (const std::exception& error) {
    slot.failure =
        WorldFailure{static_cast<std::uint32_t>(index), slot.world.step, slot.world.acting_agent, error.what()};
    failed_.mark(index);
    slot.running = false;
  }
}

void Batch::step_slots(std::size_t group, std::size_t first, std::size_t end) {
  if (reach_[group] == Reach::caches) {
    for (std::size_t world = first; world < end; ++world) step_slot(world, nullptr);
    return;
  }
  for (std::size_t world = first; world < end; ++world) {
    if (world + kFieldsAhead < end) {
      ask_for(&slots_[world + kFieldsAhead].running);
      prefetch_fields(slots_[world + kFieldsAhead].world);
    }
    if (world + kAgentsAhead < end) prefetch_agents(slots_[world + kAgentsAhead].world);
    step_slot(world, world + 1 < end ? &slots_[world + 1].world : nullptr);
  }
}

bool Batch::forked() const { return pool_ && pool_owner_ != ::getpid(); }

// The pool's threads did not come along, its locks are as they happened to be, and what a thread was changing stands
// half changed: all of that is left alone for good.
void Batch::leave_threads_to_parent() {
  static_cast<void>(pool_.release());
  static_cast<void>(new std::vector<std::unique_ptr<Job>>(std::move(jobs_)));
  jobs_.clear();
  make_jobs();
  for (std::size_t group = 0; group < groups_; ++group) {
    if (!in_flight_[group]) continue;
    in_flight_[group] = 0;
    for (std::size_t world = first_world(group); world < first_world(group + 1); ++world) {
      static_cast<void>(new Slot(std::move(slots_[world])));
      Slot failed;
      slots_[world] = std::move(failed);
      prepare(world);
      // How far the step had come stands in memory that another process was writing.
      slots_[world].failure = WorldFailure{static_cast<std::uint32_t>(world), std::nullopt, kNoAgent,
                                           "was stepping when this process was forked from the one that stepped it"};
      failed_.mark(world);
      ended_.unmark(world);
    }
  }
}

// The thread that waits is one of the `threads_`; only when there is just one does another thread step, so that
// step_async returns at once all the same.
ThreadPool& Batch::pool() {
  if (forked()) leave_threads_to_parent();
  if (!pool_) {
    pool_ = std::make_unique<ThreadPool>(std::max<std::size_t>(1, threads_ - 1), groups_);
    pool_owner_ = ::getpid();
  }
  return *pool_;
}

void Batch::step() {
  for (std::size_t group = 0; group < groups_; ++group) look_at_memory(group);
  if (threads_ == 1 || slots_.size() == 1 || slots_.size() * game_->num_agents < kRowsWorthAThread) {
    for (std::size_t group = 0; group < groups_; ++group) step_slots(group, first_world(group), first_world(group + 1));
    return;
  }
  for (std::size_t group = 0; group < groups_; ++group) step_async(group);
  std::exception_ptr error;
  for (std::size_t group = 0; group < groups_; ++group) {
    try {
      wait(group);
    } catch (...) {  // the other groups still have to be waited for
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

void Batch::step_async(std::size_t group) {
  look_at_memory(group);
  ThreadPool& threads = pool();
  jobs_[group]->begin();
  threads.submit(*jobs_[group]);
  in_flight_[group] = 1;
}

void Batch::wait(std::size_t group) {
  if (forked()) leave_threads_to_parent();
  if (!in_flight_[group]) return;
  in_flight_[group] = 0;
  if (threads_ > 1) jobs_[group]->work(threads_ - 1);
  jobs_[group]->wait();
}

std::pair<std::size_t, std::size_t> Batch::worlds_of(std::optional<std::size_t> group) const {
  if (!group) return {0, slots_.size()};
  return {first_world(*group), first_world(*group + 1)};
}

std::vector<const EpisodeSummary*> Batch::take_ended(std::optional<std::size_t> group) {
  std::vector<const EpisodeSummary*> taken;
  if (ended_.count() == 0) return taken;
  const auto [first, end] = worlds_of(group);
  for (std::size_t world = first; world < end; ++world) {
    if (!ended_.marked(world)) continue;
    taken.push_back(&slots_[world].summary);
    ended_.unmark(world);
  }
  return taken;
}

std::vector<WorldFailure> Batch::take_failures(std::optional<std::size_t> group) {
  std::vector<WorldFailure> taken;
  if (failed_.count() == 0) return taken;
  const auto [first, end] = worlds_of(group);
  for (std::size_t world = first; world < end; ++world) {
    if (!failed_.marked(world)) continue;
    taken.push_back(std::move(*slots_[world].failure));
    slots_[world].failure.reset();
    failed_.unmark(world);
  }
  return taken;
}

}  // namespace metta
