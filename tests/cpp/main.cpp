// Runs the tests named on the command line, or all of them; exit status 1 when one fails. `--list` names them,
// `--encoder WINDOW TOKENS EPISODES` measures instead.
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <utility>

#include "check.hpp"
#include "encoder_speed.hpp"

int main(int argc, char** argv) {
  using namespace metta::tests;
  if (argc == 5 && std::strcmp(argv[1], "--encoder") == 0) {
    print_encoder_speed(static_cast<std::uint8_t>(std::stoi(argv[2])), static_cast<std::uint32_t>(std::stoul(argv[3])),
                        static_cast<unsigned>(std::stoul(argv[4])));
    return 0;
  }
  const std::pair<const char*, void (*)()> tests[] = {
      {"offsets", test_offsets},
      {"line_of_sight", test_line_of_sight},
      {"visible_rows", test_visible_rows},
      {"map_bits", test_map_bits},
      {"emission_order", test_emission_order},
      {"token_writer", test_token_writer},
      {"far_runs", test_far_runs},
      {"inventory_order", test_inventory_order},
      {"hash_order", test_hash_order},
      {"random_stream", test_random_stream},
      {"shuffle", test_shuffle},
      {"territory", test_territory},
      {"agent_places", test_agent_places},
      {"jobs", test_jobs},
      {"failing_jobs", test_failing_jobs},
      {"refused_threads", test_refused_threads},
  };
  const bool list = argc == 2 && std::strcmp(argv[1], "--list") == 0;
  int run = 0;
  int failed = 0;
  for (const auto& [name, test] : tests) {
    if (list) {
      std::cout << name << "\n";
      continue;
    }
    bool wanted = argc == 1;
    for (int i = 1; i < argc; ++i) wanted = wanted || std::strcmp(argv[i], name) == 0;
    if (!wanted) continue;
    ++run;
    try {
      test();
    } catch (const std::exception& error) {
      ++failed;
      std::cout << name << ": " << error.what() << "\n";
    }
  }
  if (!list) std::cout << run << " run, " << failed << " failed\n";
  return failed > 0 || (run == 0 && !list) ? 1 : 0;
}
