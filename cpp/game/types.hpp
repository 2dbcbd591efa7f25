// The small types every part of the engine speaks: ids, coordinates, and the rules' enumerations.
#pragma once

#include <bit>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace metta {

using ResourceId = std::uint8_t;
using Quantity = std::uint16_t;  // amount of one resource held
using TagId = std::uint8_t;
using VibeId = std::uint8_t;
using StatId = std::uint16_t;        // slot of an interned statistic name, in the agents' or the game's own table
using ObjectConfigId = std::uint16_t;
using CellKindId = std::int16_t;     // what a map cell asks for: index into Game::cell_kinds, kEmptyCell for nothing
using QueryId = std::int32_t;        // index into Game::queries, kAbsent where a rule has none
using ValueId = std::int32_t;        // index into Game::values, likewise
using HandlerId = std::int32_t;      // index into Game::handlers, likewise

// Index of an object inside one world. The published engine's object id is this minus kFirstObject plus 1.
using ObjectIndex = std::uint32_t;
inline constexpr ObjectIndex kNoObject = 0;
inline constexpr ObjectIndex kTerritoryProxy = 1;  // the artificial cell object that acts in territory handlers
inline constexpr ObjectIndex kFirstObject = 2;
inline constexpr std::uint32_t public_object_id(ObjectIndex index) { return index - kFirstObject + 1; }

inline constexpr std::int32_t kAbsent = -1;
inline constexpr CellKindId kEmptyCell = -1;
inline constexpr int kMaxQuantity = 65535;

// Off-grid by -1 wraps to 65535, which fails `row < height` like any other coordinate outside.
struct Location {
  std::uint16_t row = 0;
  std::uint16_t col = 0;
  // As one word: without a branch.
  friend bool operator==(const Location& a, const Location& b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
  }
};

struct Direction {
  std::int16_t row = 0;
  std::int16_t col = 0;
};

// A run of consecutive entries of one of the Game's tables.
struct Range {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  bool empty() const { return count == 0; }
};

enum class Entity : std::uint8_t { actor, target };
enum class Scope : std::uint8_t { agent, game };
enum class ObjectKind : std::uint8_t { wall, agent, object };

// Orientation codes 0..7 in the published engine's order, which is also the order of kOrientations.
inline constexpr Direction kOrientations[8] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}, {-1, -1}, {-1, 1}, {1, -1}, {1, 1}};

// A rule broke in a way that ends this world: Python sees RuntimeError.
class WorldError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An agent sees more tokens than its observation holds.
class TokenOverflow : public WorldError {
 public:
  using WorldError::WorldError;
};

}  // namespace metta
