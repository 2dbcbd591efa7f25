// Argument checks for the CPU kernels. Arrays are passed as raw torch or numpy memory: the caller keeps them alive.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>

#include "kernels/actions.hpp"
#include "kernels/advantage.hpp"

namespace py = pybind11;

namespace metta::bindings {
namespace {

// `noconvert` keeps pybind11 from copying a wrong dtype into a temporary, whose result would be lost.
using FloatRows = py::array_t<float, py::array::c_style>;

void require_rows(const FloatRows& array, const char* name, py::ssize_t rows, py::ssize_t horizon) {
  if (!(array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_)) {
    throw py::value_error("compute_advantages: " + std::string(name) + " is not aligned");
  }
  if (array.ndim() != 2 || array.shape(0) != rows || array.shape(1) != horizon) {
    std::string got = "(";
    for (py::ssize_t i = 0; i < array.ndim(); ++i) got += (i ? ", " : "") + std::to_string(array.shape(i));
    throw py::value_error("compute_advantages: " + std::string(name) + " has shape " + got + "), expected (" +
                          std::to_string(rows) + ", " + std::to_string(horizon) + ")");
  }
}

void compute_advantages(const FloatRows& values, const FloatRows& rewards, const FloatRows& dones,
                        const FloatRows& importance_ratios, FloatRows& advantages, float gamma, float gae_lambda,
                        float vtrace_rho_clip, float vtrace_c_clip) {
  if (values.ndim() != 2) throw py::value_error("compute_advantages: values must be 2-D [rows, horizon]");
  const py::ssize_t rows = values.shape(0);
  const py::ssize_t horizon = values.shape(1);
  require_rows(values, "values", rows, horizon);
  require_rows(rewards, "rewards", rows, horizon);
  require_rows(dones, "dones", rows, horizon);
  require_rows(importance_ratios, "importance_ratios", rows, horizon);
  require_rows(advantages, "advantages", rows, horizon);
  float* out = advantages.mutable_data();
  py::gil_scoped_release release;
  kernels::compute_advantages(values.data(), rewards.data(), dones.data(), importance_ratios.data(), out,
                              static_cast<std::size_t>(rows), static_cast<std::size_t>(horizon),
                              {gamma, gae_lambda, vtrace_rho_clip, vtrace_c_clip});
}

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
bool keeps_ahead(const py::array& read, const py::array& written) {
  const auto* from = static_cast<const char*>(read.data());
  const auto* to = static_cast<const char*>(written.data());
  return (from == to && read.itemsize() == written.itemsize()) || from + read.nbytes() <= to ||
         to + written.nbytes() <= from;
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
  std::int32_t* const to_primary = stream_data(primary, "primary", rows);
  std::int32_t* const to_vibe = stream_data(vibe_actions, "vibe_actions", rows);
  const bool narrow = is_row<std::int32_t>(given);
  if (!narrow && !is_row<std::int64_t>(given)) return false;
  const auto& actions = static_cast<const py::array&>(given);
  if (actions.shape(0) != rows || !keeps_ahead(actions, primary) || !keeps_ahead(actions, vibe_actions)) return false;
  const kernels::ActionCounts counts{num_primary, num_vibes};
  const auto decode = [&](const auto* numbers) {
    return kernels::decode_actions(numbers, to_primary, to_vibe, static_cast<std::size_t>(rows), counts);
  };
  return narrow ? decode(static_cast<const std::int32_t*>(actions.data()))
                : decode(static_cast<const std::int64_t*>(actions.data()));
}

}  // namespace

void register_kernels(py::module_& module) {
  module.def("compute_advantages", &compute_advantages, py::arg("values").noconvert(), py::arg("rewards").noconvert(),
             py::arg("dones").noconvert(), py::arg("importance_ratios").noconvert(),
             py::arg("advantages").noconvert(), py::arg("gamma"), py::arg("gae_lambda"), py::arg("vtrace_rho_clip"),
             py::arg("vtrace_c_clip"),
             "GAE with V-trace clips, in place.\n\n"
             "All arrays are float32, C-contiguous, [rows, horizon]; reward and done at column t belong to the\n"
             "action of column t-1. The last column of `advantages` is not written. Releases the GIL.\n"
             "Raises ValueError for a wrong shape and TypeError for a wrong dtype or layout.");
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
