// Jobs on threads: every task once, exceptions to the one who waits, a pool that cannot start leaves nothing behind.
#include <atomic>
#include <memory>
#include <stdexcept>
#include <vector>

#include <pthread.h>

#include "batch/thread_pool.hpp"
#include "check.hpp"

namespace metta::tests {

void test_jobs() {
  for (const std::size_t threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (const std::size_t count : {1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> done(count);
      std::vector<std::shared_ptr<Job>> jobs;
      for (int i = 0; i < 3; ++i) {  // one behind the other, and waited for in the other order
        jobs.push_back(std::make_shared<Job>(count, [&done](std::size_t task) { ++done[task]; }));
        pool.submit(jobs.back());
      }
      for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) (*job)->wait();
      for (const std::atomic<int>& times : done) CHECK(times == 3);
    }
  }
  std::atomic<int> done{0};
  {
    ThreadPool pool(2);
    for (int i = 0; i < 20; ++i) pool.submit(std::make_shared<Job>(10, [&done](std::size_t) { ++done; }));
  }
  CHECK(done == 200, "a pool finishes what it was given before it goes");
}

void test_failing_jobs() {
  ThreadPool pool(2);
  std::atomic<int> done{0};
  const auto failing = std::make_shared<Job>(100, [&done](std::size_t task) {
    ++done;
    if (task % 10 == 3) throw std::runtime_error("task " + std::to_string(task));
  });
  pool.submit(failing);
  std::string text;
  try {
    failing->wait();
  } catch (const std::runtime_error& error) {
    text = error.what();
  }
  CHECK(text.starts_with("task "), text);
  CHECK(done == 100, "the tasks after a failed one are done as well");
  const auto next = std::make_shared<Job>(10, [&done](std::size_t) { ++done; });
  pool.submit(next);
  next->wait();
  CHECK(done == 110, "the threads go on");
}

void test_refused_threads() {
  // Stacks that no address space holds: the system refuses the first thread.
  pthread_attr_t usual{};
  pthread_attr_t greedy{};
  pthread_getattr_default_np(&usual);
  pthread_attr_init(&greedy);
  pthread_attr_setstacksize(&greedy, std::size_t{1} << 48);
  CHECK(pthread_setattr_default_np(&greedy) == 0);
  std::string text;
  try {
    ThreadPool pool(3);
  } catch (const std::runtime_error& error) {
    text = error.what();
  }
  pthread_setattr_default_np(&usual);
  CHECK(text.starts_with("num_threads: only 0 of 3 threads"), text);
}

}  // namespace metta::tests
