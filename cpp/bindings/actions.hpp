// What agents sent, as any Python object, into the engine's two action streams.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>

#include "kernels/actions.hpp"

namespace metta::bindings {

// What agents do, as indices of the engine's action table; see kernels::decode_actions. Both are [rows].
struct ActionStreams {
  std::int32_t* primary = nullptr;
  std::int32_t* vibe_actions = nullptr;
};

// As kernels::decode_actions. False, with nothing written, also where `given` cannot be read as it stands: anything but
// C-contiguous int32 or int64 [rows]. It may be one of the streams itself.
bool decode_given(const pybind11::object& given, ActionStreams streams, std::size_t rows, kernels::ActionCounts counts);

}  // namespace metta::bindings
