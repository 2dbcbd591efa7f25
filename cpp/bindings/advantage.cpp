// Argument checks for the advantage. Arrays are passed as raw torch or numpy memory: the caller keeps them alive.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

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

}  // namespace

void register_advantage(py::module_& module) {
  module.def("compute_advantages", &compute_advantages, py::arg("values").noconvert(), py::arg("rewards").noconvert(),
             py::arg("dones").noconvert(), py::arg("importance_ratios").noconvert(),
             py::arg("advantages").noconvert(), py::arg("gamma"), py::arg("gae_lambda"), py::arg("vtrace_rho_clip"),
             py::arg("vtrace_c_clip"),
             "GAE with V-trace clips, in place.\n\n"
             "All arrays are float32, C-contiguous, [rows, horizon]; reward and done at column t belong to the\n"
             "action of column t-1. The last column of `advantages` is not written. Releases the GIL.\n"
             "Raises ValueError for a wrong shape and TypeError for a wrong dtype or layout.");
}

}  // namespace metta::bindings
