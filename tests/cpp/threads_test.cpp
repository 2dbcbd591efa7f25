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
    for (const std::size_t count : {1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> done(count);
      const auto each = [&done](std::size_t first, std::size_t end) {
        for (std::size_t item = first; item < end; ++item) ++done[item];
      };
      std::vector<std::unique_ptr<Job>> jobs;
      for (int i = 0; i < 3; ++i) jobs.push_back(std::make_unique<Job>(count, threads + 1, each));
      ThreadPool pool(threads, jobs.size());
      for (int round = 1; round <= 50; ++round) {
        for (const auto& job : jobs) {
          job->begin();
          pool.submit(*job);
        }
        for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) {  // in the other order, every other one helped
          if (round % 2 == 0) (*job)->work(threads);
          (*job)->wait();
        }
        for (const std::atomic<int>& times : done) CHECK(times == 3 * round);
      }
    }
  }
  std::atomic<int> done{0};
  Job last(200, 2, [&done](std::size_t first, std::size_t end) { done += static_cast<int>(end - first); });
  {
    ThreadPool pool(2, 1);
    last.begin();
    pool.submit(last);
  }
  CHECK(done == 200, "a pool finishes what it was given before it goes");
}

void test_failing_jobs() {
  std::atomic<int> runs{0};
  std::atomic<bool> fails{true};
  Job failing(100, 2, [&](std::size_t first, std::size_t) {
    ++runs;
    if (fails && first % 10 < 5) throw std::runtime_error("task " + std::to_string(first));
  });
  ThreadPool pool(2, 1);
  failing.begin();
  pool.submit(failing);
  std::string text;
  try {
    failing.wait();
  } catch (const std::runtime_error& error) {
    text = error.what();
  }
  CHECK(text.starts_with("task "), text);
  const int all = runs;
  fails = false;
  failing.begin();
  pool.submit(failing);
  failing.wait();
  CHECK(runs == 2 * all, "the items after a failed run are done as well, and the threads go on");
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
    ThreadPool pool(3, 1);
  } catch (const std::runtime_error& error) {
    text = error.what();
  }
  pthread_setattr_default_np(&usual);
  CHECK(text.starts_with("num_threads: only 0 of 3 threads"), text);
}

}  // namespace metta::tests
