// What the tests of the engine's inside need: a CHECK that says where it failed, and random numbers to draw cases from.
#pragma once

#include <random>
#include <sstream>
#include <stdexcept>
#include <string>

namespace metta::tests {

class Failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void check(bool good, const char* expression, const char* file, int line, const std::string& about) {
  if (good) return;
  std::ostringstream text;
  text << file << ":" << line << ": " << expression << (about.empty() ? "" : " (" + about + ")");
  throw Failed(text.str());
}

// CHECK(condition) or CHECK(condition, "which case it was").
#define CHECK_ABOUT(condition, about, ...) ::metta::tests::check(condition, #condition, __FILE__, __LINE__, about)
#define CHECK(...) CHECK_ABOUT(__VA_ARGS__, "", "")

// Draws from [low, high].
class Draws {
 public:
  explicit Draws(unsigned seed) : engine_(seed) {}
  int operator()(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine_); }

 private:
  std::mt19937 engine_;
};

// Each throws when something is wrong.
void test_offsets();
void test_line_of_sight();
void test_visible_rows();
void test_map_bits();
void test_emission_order();
void test_token_writer();
void test_far_runs();
void test_inventory_order();
void test_hash_order();
void test_random_stream();
void test_shuffle();
void test_territory();
void test_agent_places();
void test_jobs();
void test_failing_jobs();
void test_refused_threads();

}  // namespace metta::tests
