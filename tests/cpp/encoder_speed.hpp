// No test: how long the encoder alone takes. `engine_tests --encoder WINDOW TOKENS EPISODES`, see benchmarks/encoder.py.
#pragma once

#include <cstdint>

namespace metta::tests {

// Prints one line an episode: nanoseconds of processor time for one agent's observation, tokens that it holds.
void print_encoder_speed(std::uint8_t window, std::uint32_t tokens, unsigned episodes);

}  // namespace metta::tests
