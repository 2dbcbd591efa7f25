#include "batch/batch.hpp"

#include <algorithm>

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
    : game_(std::move(game)), slots_(worlds), threads_(threads), groups_(groups), jobs_(groups) {}

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
  construct_world(slot.world, game_, *episode.map, episode.seed);
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

ThreadPool& Batch::pool() {
  if (pool_ && pool_owner_ != ::getpid()) pool_.release();  // its threads stayed in the parent: nothing to join
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
  for (std::size_t group = 0; group < groups_; ++group) wait(group);
}

void Batch::step_async(std::size_t group) {
  const std::size_t first = first_world(group);
  const std::size_t count = first_world(group + 1) - first;
  // Few enough tasks to keep the counter quiet, enough of them that no thread idles at the end.
  const std::size_t tasks = std::min(count, threads_ * 8);
  if (tasks == 0) return;
  jobs_[group] = std::make_shared<Job>(tasks, [this, first, count, tasks](std::size_t task) {
    const std::size_t end = first + (task + 1) * count / tasks;
    for (std::size_t world = first + task * count / tasks; world < end; ++world) step_slot(world);
  });
  pool().submit(jobs_[group]);
}

void Batch::wait(std::size_t group) {
  if (!jobs_[group]) return;
  jobs_[group]->wait();
  jobs_[group].reset();
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
