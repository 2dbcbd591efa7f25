// A set of cells of the observation window as one vector: sets are cut and joined by one instruction.
#pragma once

#include <cstdint>

#include "game/observation_tables.hpp"

namespace metta {

// One bit a column, for every row of the window. Only for files that are compiled for the engine's processor: how such a
// vector is aligned and passed depends on it, so that a game's tables hold plain arrays (MaskRows).
using WindowRows [[gnu::vector_size(sizeof(MaskRows))]] = std::uint16_t;

}  // namespace metta
