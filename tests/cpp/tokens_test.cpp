// The token writer at the end of a row: never past it, everything counted, the rest filled.
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "observe/token_writer.hpp"

namespace metta::tests {

namespace {

constexpr std::uint8_t kGuard = 0xA5;

struct Token {
  std::uint8_t location, feature, value;
};

// The same without pieces, words or memory of what was written before.
std::vector<std::uint8_t> plain_row(const std::vector<Token>& tokens, std::size_t budget) {
  std::vector<std::uint8_t> row(budget * 3, 0xFF);
  for (std::size_t i = 0; i < std::min(tokens.size(), budget); ++i) {
    row[3 * i] = tokens[i].location;
    row[3 * i + 1] = tokens[i].feature;
    row[3 * i + 2] = tokens[i].value;
  }
  return row;
}

std::uint8_t byte(Draws& draw) { return static_cast<std::uint8_t>(draw(0, 255)); }

}  // namespace

void test_token_writer() {
  Draws draw(4);
  for (int round = 0; round < 300; ++round) {
    const auto budget = static_cast<std::uint32_t>(draw(1, 40));
    std::vector<std::uint8_t> memory(budget * 3 + 64, kGuard);
    std::uint8_t* row = memory.data() + 32;
    std::uint32_t dirty = budget * 3;
    for (int env_step = 0; env_step < 6; ++env_step) {
      TokenWriter writer(row, budget);
      std::vector<Token> expected;
      for (int i = draw(0, 12); i > 0; --i) {
        const std::uint8_t location = byte(draw);
        if (draw(0, 2) == 0) {
          expected.push_back({location, byte(draw), byte(draw)});
          writer.token(location, expected.back().feature, expected.back().value);
          continue;
        }
        const auto count = static_cast<std::uint32_t>(draw(0, 20));
        std::vector<TokenPiece> pieces(count / kTokensPerPiece + 1);
        for (std::uint32_t t = 0; t < count; ++t) {
          auto* bytes = reinterpret_cast<std::uint8_t*>(pieces[t / kTokensPerPiece].words.data());
          std::uint8_t* token = bytes + t % kTokensPerPiece * kTokenBytes;
          token[1] = byte(draw);
          token[2] = byte(draw);
          expected.push_back({location, token[1], token[2]});
        }
        TokenPiece place;
        for (std::uint32_t t = 0; t < kTokensPerPiece; ++t) {
          reinterpret_cast<std::uint8_t*>(place.words.data())[kTokenBytes * t] = location;
        }
        pieces[0].set_last_byte(byte(draw));  // as a run's size: what follows overwrites it
        if (count <= kTokensPerPiece && writer.next() <= writer.last_piece()) {  // as the encoder's loop over cells
          TokenWriter::copy_piece(writer.next(), pieces[0], place);
          writer.went_on_to(writer.next() + count * kTokenBytes);
        } else {
          writer.copy(pieces.data(), count, place);
        }
      }
      CHECK(writer.attempted() == expected.size());
      dirty = writer.pad(dirty);
      const std::vector<std::uint8_t> plain = plain_row(expected, budget);
      CHECK(std::equal(plain.begin(), plain.end(), row), "round " + std::to_string(round));
      for (std::size_t i = 0; i < 32; ++i) {
        CHECK(memory[i] == kGuard, "before the row");
        CHECK(memory[memory.size() - 1 - i] == kGuard, "behind the row");
      }
    }
  }
}

}  // namespace metta::tests
