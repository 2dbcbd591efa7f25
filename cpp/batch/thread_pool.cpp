#include "batch/thread_pool.hpp"

namespace metta {

void Job::work() {
  std::size_t finished = 0;
  for (std::size_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) {
    task_(i);
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
}

ThreadPool::ThreadPool(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

ThreadPool::~ThreadPool() {
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
