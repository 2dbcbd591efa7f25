// No test: how long the encoder alone takes. `engine_tests --encoder WINDOW TOKENS REPEATS`, see benchmarks/encoder.py.
#pragma once

#include <cstdint>

namespace metta::tests {

// Prints one line a repeat: nanoseconds of processor time for one agent's observation, tokens that it holds.
void print_encoder_speed(std::uint8_t window, std::uint32_t tokens, int repeats);

}  // namespace metta::tests
