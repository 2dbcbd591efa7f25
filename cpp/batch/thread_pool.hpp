// Threads that run jobs of many equal tasks. Started when the first job needs them, so that a process may fork after
// building a batch; a child that inherits a pool it has no threads for starts its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace metta {

// `task(i)` for i in [0, count), in any order, on any thread.
class Job {
 public:
  Job(std::size_t count, std::function<void(std::size_t)> task) : count_(count), task_(std::move(task)) {}

  void work();  // takes tasks until none is left
  void wait();  // until all of them are done; rethrows what the first failed one threw
  bool taken() const { return next_.load(std::memory_order_relaxed) >= count_; }

 private:
  std::size_t count_;
  std::function<void(std::size_t)> task_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> done_{0};
  std::mutex mutex_;
  std::condition_variable finished_;
  std::exception_ptr error_;
};

class ThreadPool {
 public:
  explicit ThreadPool(std::size_t threads);  // std::runtime_error when the system refuses one
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void submit(std::shared_ptr<Job> job);

 private:
  void run();
  void stop();

  std::mutex mutex_;
  std::condition_variable has_work_;
  std::deque<std::shared_ptr<Job>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace metta
