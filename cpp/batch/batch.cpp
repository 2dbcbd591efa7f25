#include "batch/batch.hpp"

#include <algorithm>
#include <exception>

#include <unistd.h>

#include "observe/encoder.hpp"
#include "rules/step.hpp"

namespace metta {

namespace {

EpisodeSummary summarise(const World& world, std::size_t index) {
  const Game& game = *world.game;
  EpisodeSummary summary;
  summary.world = static_cast<std::uint32_t>(index);
  summary.env_steps = world.step;
  summary.rewards = world.episode_rewards;
  const std::size_t agent_names = game.agent_stat_names.size();
  summary.agent_stat_sums.assign(agent_names, 0.0);
  summary.agent_stat_seen.assign(agent_names, 0);
  for (std::uint32_t row = 0; row < game.num_agents; ++row) {
    for (std::size_t stat = 0; stat < agent_names; ++stat) {
      if (!world.agent_stats.exists(row, stat)) continue;
      summary.agent_stat_sums[stat] += static_cast<double>(world.agent_stats.value(row, stat));
      summary.agent_stat_seen[stat] = 1;
    }
  }
  for (const InvalidIndexCount& seen : world.invalid_index_counts) {
    const auto same = std::find_if(summary.invalid_index_sums.begin(), summary.invalid_index_sums.end(),
                                   [&](const auto& sum) { return sum.first == seen.index; });
    if (same != summary.invalid_index_sums.end()) {
      same->second += static_cast<double>(seen.count);
    } else {
      summary.invalid_index_sums.emplace_back(seen.index, static_cast<double>(seen.count));
    }
  }
  const std::size_t game_names = game.game_stat_names.size();
  summary.game_stats.assign(game_names, 0.0F);
  summary.game_stat_seen.assign(game_names, 0);
  for (std::size_t stat = 0; stat < game_names; ++stat) {
    if (!world.game_stats.exists(0, stat)) continue;
    summary.game_stats[stat] = world.game_stats.value(0, stat);
    summary.game_stat_seen[stat] = 1;
  }
  return summary;
}

}  // namespace

Batch::Batch(std::shared_ptr<const Game> game, std::size_t worlds, std::size_t threads, std::size_t groups)
    : game_(std::move(game)),
      slots_(worlds),
      threads_(std::min(threads, worlds)),  // more would have nothing to do
      groups_(groups),
      jobs_(groups) {}

Batch::~Batch() {
  if (forked()) leave_threads_to_parent();
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

void Batch::attach(const Buffers& buffers) { buffers_ = buffers; }

void Batch::start(std::size_t index, const Episode& episode) {
  Slot& slot = slots_[index];
  slot.running = slot.over = false;  // stays still when the construction fails
  slot.ends_early = 0;
  try {
    construct_world(slot.world, game_, *episode.map, episode.seed);
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

void Batch::begin_episode(std::size_t world, std::shared_ptr<const Map> map, std::uint32_t seed) {
  Slot& slot = slots_[world];
  slot.flags_shown = false;
  slot.next.reset();
  slot.ended.reset();
  slot.failure.reset();
  start(world, {std::move(map), seed});
}

void Batch::set_next_episode(std::size_t world, std::shared_ptr<const Map> map, std::uint32_t seed) {
  slots_[world].next = Episode{std::move(map), seed};
}

void Batch::run_one_step(std::size_t index) {
  Slot& slot = slots_[index];
  const Buffers rows = rows_of(index);
  bool overflow = false;
  try {
    step_world(slot.world);
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
  slot.ended = summarise(slot.world, index);
  slot.ended->token_overflow = overflow;
  slot.ended->early_end_set = slot.ends_early != 0;
  if (overflow) slot.running = false;
  if (slot.next) turn_over(index);
}

void Batch::turn_over(std::size_t index) {
  Slot& slot = slots_[index];
  const Buffers rows = rows_of(index);
  const std::size_t agents = game_->num_agents;
  const std::vector<float> rewards(rows.rewards, rows.rewards + agents);
  const bool terminal = rows.terminals[0];
  const bool truncated = rows.truncations[0];
  const Episode next = std::move(*slot.next);
  slot.next.reset();
  start(index, next);
  std::copy(rewards.begin(), rewards.end(), rows.rewards);
  std::fill_n(rows.terminals, agents, terminal);
  std::fill_n(rows.truncations, agents, truncated);
  slot.flags_shown = true;
}

void Batch::step_slot(std::size_t index) {
  Slot& slot = slots_[index];
  if (!slot.running) return;
  if (slot.flags_shown) {
    const Buffers rows = rows_of(index);
    std::fill_n(rows.terminals, game_->num_agents, false);
    std::fill_n(rows.truncations, game_->num_agents, false);
    slot.flags_shown = false;
  }
  try {
    run_one_step(index);
  } catch (const std::exception& error) {
    slot.failure =
        WorldFailure{static_cast<std::uint32_t>(index), slot.world.step, slot.world.acting_agent, error.what()};
    slot.running = false;
  }
}

bool Batch::forked() const { return pool_ && pool_owner_ != ::getpid(); }

// The pool's threads did not come along, its locks are as they happened to be, and what a thread was changing stands
// half changed: all of that is left alone for good.
void Batch::leave_threads_to_parent() {
  static_cast<void>(pool_.release());
  for (std::size_t group = 0; group < groups_; ++group) {
    if (!jobs_[group]) continue;
    static_cast<void>(new std::shared_ptr<Job>(std::move(jobs_[group])));
    for (std::size_t world = first_world(group); world < first_world(group + 1); ++world) {
      static_cast<void>(new Slot(std::move(slots_[world])));
      Slot failed;
      slots_[world] = std::move(failed);
      slots_[world].failure = WorldFailure{static_cast<std::uint32_t>(world), 0, kNoAgent,
                                           "was stepping when this process was forked from the one that stepped it"};
    }
  }
}

ThreadPool& Batch::pool() {
  if (forked()) leave_threads_to_parent();
  if (!pool_) {
    pool_ = std::make_unique<ThreadPool>(threads_);
    pool_owner_ = ::getpid();
  }
  return *pool_;
}

void Batch::step() {
  if (threads_ == 1) {
    for (std::size_t world = 0; world < slots_.size(); ++world) step_slot(world);
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
  const std::size_t first = first_world(group);
  const std::size_t count = first_world(group + 1) - first;
  // Few enough tasks to keep the counter quiet, enough of them that no thread idles at the end.
  const std::size_t tasks = std::min(count, threads_ * 8);
  if (tasks == 0) return;
  auto job = std::make_shared<Job>(tasks, [this, first, count, tasks](std::size_t task) {
    const std::size_t end = first + (task + 1) * count / tasks;
    for (std::size_t world = first + task * count / tasks; world < end; ++world) step_slot(world);
  });
  pool().submit(job);
  jobs_[group] = std::move(job);
}

void Batch::wait(std::size_t group) {
  if (forked()) leave_threads_to_parent();
  if (const std::shared_ptr<Job> job = std::move(jobs_[group])) job->wait();
}

std::pair<std::size_t, std::size_t> Batch::worlds_of(std::optional<std::size_t> group) const {
  if (!group) return {0, slots_.size()};
  return {first_world(*group), first_world(*group + 1)};
}

std::vector<EpisodeSummary> Batch::take_ended(std::optional<std::size_t> group) {
  std::vector<EpisodeSummary> taken;
  const auto [first, end] = worlds_of(group);
  for (std::size_t world = first; world < end; ++world) {
    std::optional<EpisodeSummary>& ended = slots_[world].ended;
    if (!ended) continue;
    taken.push_back(std::move(*ended));
    ended.reset();
  }
  return taken;
}

std::vector<WorldFailure> Batch::take_failures(std::optional<std::size_t> group) {
  std::vector<WorldFailure> taken;
  const auto [first, end] = worlds_of(group);
  for (std::size_t world = first; world < end; ++world) {
    std::optional<WorldFailure>& failure = slots_[world].failure;
    if (!failure) continue;
    taken.push_back(std::move(*failure));
    failure.reset();
  }
  return taken;
}

}  // namespace metta
