// Threads that run jobs of many equal tasks. Started when the first job needs them, so that a process may fork after
// building a batch; a child that inherits a pool it has no threads for starts its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace metta {

// `task(first, end)` over the items of [0, count) in small runs, on up to `participants` threads. Every participant
// has a share of neighbouring items that it begins with, the same in every round, so that what an item works on stays
// in the cache of one core; whoever is done helps the others. Memory for all rounds is taken once. What a task throws
// ends that run of items; the others are done all the same.
class Job {
 public:
  Job(std::size_t count, std::size_t participants, std::function<void(std::size_t, std::size_t)> task);

  void begin();                         // makes all items of a new round free to take
  void work(std::size_t participant);   // runs items until none is free
  void wait();                          // until all items of this round are done; rethrows what a task threw
  bool taken() const;                   // no item is free

 private:
  // On cache lines of its own, because its participant writes to it all the time.
  struct alignas(64) Share {
    std::atomic<std::size_t> next{0};
    std::size_t end = 0;
  };
  // Small enough that no thread idles at the end, large enough to keep the counters quiet.
  static constexpr std::size_t kRunsPerShare = 8;

  std::size_t first_of(std::size_t share) const { return share * count_ / shares_.size(); }
  std::size_t run_share(Share& share);

  std::size_t count_;
  std::size_t run_length_;
  std::function<void(std::size_t, std::size_t)> task_;
  std::vector<Share> shares_;
  std::mutex error_mutex_;
  std::exception_ptr error_;  // the first of this round
  alignas(64) std::atomic<int> done_{0};
};

class ThreadPool {
 public:
  // `most_jobs`: submitted at one time. std::runtime_error when the system refuses a thread.
  ThreadPool(std::size_t threads, std::size_t most_jobs);
  ~ThreadPool();  // finishes what it was given
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // The threads take part in the job as participants 0, 1, ... It has to outlive the pool.
  void submit(Job& job);

 private:
  void run(std::size_t participant);
  Job* open_job();
  void stop();

  std::mutex mutex_;
  std::vector<Job*> jobs_;            // in the order they were submitted; those without free items are dropped on sight
  std::atomic<int> submissions_{0};   // changes with every submission and at the end; the threads wait for that
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace metta
