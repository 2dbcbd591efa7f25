// Jobs on threads: every task once, exceptions to the one who waits, a pool that cannot start leaves nothing behind.
#include <atomic>
#include <memory>
#include <stdexcept>
#include <vector>

#include <pthread.h>

#include "batch/thread_pool.hpp"
#include "check.hpp"

namespace metta::tests {

namespace {

void run(ThreadPool& pool, Job& job) {
  job.begin();
  pool.submit(job);
}

}  // namespace

void test_jobs() {
  constexpr int kJobs = 3;
  constexpr int kRounds = 20;
  for (const std::size_t threads : {1, 2, 5}) {
    for (const std::size_t count : {1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> done(count);
      const auto count_each = [&done](std::size_t first, std::size_t end) {
        for (std::size_t item = first; item < end; ++item) ++done[item];
      };
      std::vector<std::unique_ptr<Job>> jobs;
      for (int i = 0; i < kJobs; ++i) jobs.push_back(std::make_unique<Job>(count, threads, count_each));
      ThreadPool pool(threads, kJobs);
      for (int round = 1; round <= kRounds; ++round) {  // the same jobs again and again
        for (const auto& job : jobs) run(pool, *job);
        for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) {  // waited for in the other order, with and without help
          if (round % 2 == 0) (*job)->work(threads - 1);
          (*job)->wait();
          CHECK((*job)->taken());
        }
        for (const std::atomic<int>& times : done) CHECK(times == kJobs * round);
      }
    }
  }
}

void test_failing_jobs() {
  std::atomic<int> done{0};
  bool fails = true;
  Job job(100, 2, [&done, &fails](std::size_t first, std::size_t end) {
    done += static_cast<int>(end - first);
    if (fails && first % 4 == 0) throw std::runtime_error("items from " + std::to_string(first));
  });
  ThreadPool pool(2, 1);
  std::string text;
  run(pool, job);
  try {
    job.wait();
  } catch (const std::runtime_error& error) {
    text = error.what();
  }
  CHECK(text.starts_with("items from "), text);
  CHECK(done == 100, "the items after failed ones are done as well");
  fails = false;
  run(pool, job);
  job.wait();  // throws nothing: the failure belonged to the round before
  CHECK(done == 200, "the threads go on");
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
