// Argument checks for the decoding of actions. Nothing is copied or converted here: that is left to the caller.
#include "bindings/actions.hpp"

#include <pybind11/numpy.h>

#include <string>

namespace py = pybind11;

namespace metta::bindings {
namespace {

template <typename Number>
using Row = py::array_t<Number, py::array::c_style>;

// Whether it can be read or written as it stands. Asked here: as the type of an argument `Row` costs five times as much.
template <typename Number>
bool is_row(const py::object& object) {
  if (!py::isinstance<Row<Number>>(object)) return false;
  const auto& array = static_cast<const py::array&>(object);
  return array.ndim() == 1 && array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_;
}

// Whether no number of `read` is written to before it was read, when both are gone through together.
bool keeps_ahead(const py::array& read, const std::int32_t* written) {
  const auto* from = static_cast<const char*>(read.data());
  const auto* to = reinterpret_cast<const char*>(written);
  const std::size_t bytes = static_cast<std::size_t>(read.shape(0)) * sizeof(*written);
  return (from == to && read.itemsize() == sizeof(*written)) || from + read.nbytes() <= to || to + bytes <= from;
}

std::int32_t* stream_data(py::array& stream, const char* name, py::ssize_t rows) {
  if (!is_row<std::int32_t>(stream)) {
    throw py::type_error("decode_actions: " + std::string(name) + " must be int32 [rows], C-contiguous and aligned");
  }
  if (stream.shape(0) != rows) {
    throw py::value_error("decode_actions: " + std::string(name) + " has " + std::to_string(stream.shape(0)) +
                          " rows, expected " + std::to_string(rows));
  }
  return static_cast<std::int32_t*>(stream.mutable_data());
}

bool decode_actions(const py::object& given, py::array& primary, py::array& vibe_actions, std::uint32_t num_primary,
                    std::uint32_t num_vibes) {
  const py::ssize_t rows = primary.size();
  const ActionStreams streams{stream_data(primary, "primary", rows), stream_data(vibe_actions, "vibe_actions", rows)};
  return decode_given(given, streams, static_cast<std::size_t>(rows), {num_primary, num_vibes});
}

}  // namespace

bool decode_given(const py::object& given, ActionStreams streams, std::size_t rows, kernels::ActionCounts counts) {
  const bool narrow = is_row<std::int32_t>(given);
  if (!narrow && !is_row<std::int64_t>(given)) return false;
  const auto& actions = static_cast<const py::array&>(given);
  if (actions.shape(0) != static_cast<py::ssize_t>(rows)) return false;
  if (!keeps_ahead(actions, streams.primary) || !keeps_ahead(actions, streams.vibe_actions)) return false;
  const auto decode = [&](const auto* numbers) {
    return kernels::decode_actions(numbers, streams.primary, streams.vibe_actions, rows, counts);
  };
  return narrow ? decode(static_cast<const std::int32_t*>(actions.data()))
                : decode(static_cast<const std::int64_t*>(actions.data()));
}

void register_actions(py::module_& module) {
  module.def("decode_actions", &decode_actions, py::arg("actions"), py::arg("primary"), py::arg("vibe_actions"),
             py::arg("num_primary"), py::arg("num_vibes"),
             "Splits the numbers that agents send into the engine's two action streams, in place.\n\n"
             "primary, vibe_actions: int32 [rows], C-contiguous. Numbers below `num_primary` are primary actions\n"
             "without a vibe (0 in `vibe_actions`), `num_primary + primary * num_vibes + vibe` is both.\n"
             "Returns False, with nothing written, where `actions` holds a number outside these or cannot be read as\n"
             "it stands: anything but C-contiguous int32 or int64 [rows]. It may be one of the streams itself.\n"
             "Raises ValueError or TypeError for a wrong `primary` or `vibe_actions`.");
}

}  // namespace metta::bindings
