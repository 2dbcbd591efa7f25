#include "batch/thread_pool.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace metta {

namespace {

// A thread that sleeps takes longer to wake than a step of a few worlds takes. So it looks around for some tens of
// microseconds first: as long as steps follow each other it stays awake, otherwise it costs next to nothing.
constexpr int kLooksBeforeSleep = 2000;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Until `value` is no longer `old`.
void wait_for_change(const std::atomic<int>& value, int old) {
  for (int look = 0; look < kLooksBeforeSleep; ++look) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  value.wait(old);
}

}  // namespace

Job::Job(std::size_t count, std::size_t participants, std::function<void(std::size_t, std::size_t)> task)
    : count_(count),
      run_length_(std::max<std::size_t>(1, count / participants / kRunsPerShare)),
      task_(std::move(task)),
      shares_(participants) {
  for (std::size_t i = 0; i < participants; ++i) shares_[i].next = shares_[i].end = first_of(i + 1);
  done_ = static_cast<int>(count);
}

// A thread may still be looking for free items in the round before: it finds those of this one, which is as good.
void Job::begin() {
  done_.store(0, std::memory_order_relaxed);
  for (std::size_t i = 0; i < shares_.size(); ++i) shares_[i].next.store(first_of(i), std::memory_order_release);
}

void Job::work(std::size_t participant) {
  std::size_t finished = 0;
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    finished += run_share(shares_[(participant + i) % shares_.size()]);
  }
  if (finished == 0) return;
  const auto added = static_cast<int>(finished);
  if (done_.fetch_add(added, std::memory_order_acq_rel) + added == static_cast<int>(count_)) done_.notify_all();
}

std::size_t Job::run_share(Share& share) {
  std::size_t finished = 0;
  while (share.next.load(std::memory_order_relaxed) < share.end) {  // spares the others' counters a write
    const std::size_t first = share.next.fetch_add(run_length_, std::memory_order_acq_rel);
    if (first >= share.end) break;
    const std::size_t end = std::min(first + run_length_, share.end);
    try {
      task_(first, end);
    } catch (...) {  // nothing may leave a thread, and the other items still have to be done
      const std::lock_guard lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
    }
    finished += end - first;
  }
  return finished;
}

void Job::wait() {
  for (;;) {
    const int done = done_.load(std::memory_order_acquire);
    if (done == static_cast<int>(count_)) break;
    wait_for_change(done_, done);
  }
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

bool Job::taken() const {
  return std::all_of(shares_.begin(), shares_.end(),
                     [](const Share& share) { return share.next.load(std::memory_order_relaxed) >= share.end; });
}

ThreadPool::ThreadPool(std::size_t threads, std::size_t most_jobs) {
  jobs_.reserve(most_jobs);
  try {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this, i] { run(i); });
  } catch (const std::system_error& error) {
    const std::string started = std::to_string(threads_.size());
    stop();
    throw std::runtime_error("num_threads: only " + started + " of " + std::to_string(threads) +
                             " threads could be started (" + error.what() + ")");
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stopping_ = true;
  submissions_.fetch_add(1);
  submissions_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::submit(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    if (std::find(jobs_.begin(), jobs_.end(), &job) == jobs_.end()) jobs_.push_back(&job);
  }
  submissions_.fetch_add(1, std::memory_order_release);
  submissions_.notify_all();
}

Job* ThreadPool::open_job() {
  const std::lock_guard lock(mutex_);
  std::erase_if(jobs_, [](const Job* job) { return job->taken(); });
  return jobs_.empty() ? nullptr : jobs_.front();
}

void ThreadPool::run(std::size_t participant) {
  for (;;) {
    const int seen = submissions_.load(std::memory_order_acquire);
    if (Job* job = open_job()) {
      job->work(participant);
    } else if (stopping_) {
      return;
    } else {
      wait_for_change(submissions_, seen);
    }
  }
}

}  // namespace metta
