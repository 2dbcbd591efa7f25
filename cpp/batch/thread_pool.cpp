#include "batch/thread_pool.hpp"

#include <stdexcept>
#include <string>
#include <system_error>

namespace metta {

void Job::work() {
  std::size_t finished = 0;
  for (std::size_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) {
    try {
      task_(i);
    } catch (...) {  // nothing may leave a thread, and the tasks after this one still have to be done
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
    ++finished;
  }
  if (finished > 0 && done_.fetch_add(finished) + finished == count_) {
    const std::lock_guard lock(mutex_);
    finished_.notify_all();
  }
}

void Job::wait() {
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [this] { return done_.load() == count_; });
  if (error_) std::rethrow_exception(error_);
}

ThreadPool::ThreadPool(std::size_t threads) {
  try {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  } catch (const std::system_error& error) {
    const std::string started = std::to_string(threads_.size());
    stop();
    throw std::runtime_error("num_threads: only " + started + " of " + std::to_string(threads) +
                             " threads could be started (" + error.what() + ")");
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  has_work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::submit(std::shared_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  has_work_.notify_all();
}

void ThreadPool::run() {
  for (;;) {
    std::shared_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      for (;;) {
        while (!jobs_.empty() && jobs_.front()->taken()) jobs_.pop_front();
        if (!jobs_.empty() || stopping_) break;
        has_work_.wait(lock);
      }
      if (jobs_.empty()) return;
      job = jobs_.front();
    }
    job->work();
  }
}

}  // namespace metta
