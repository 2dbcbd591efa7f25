// Checks of numpy arrays that the engine reads or writes in place: dtype, shape, layout, writability.
#pragma once

#include <pybind11/numpy.h>

#include <string>
#include <vector>

#include "episode/construct.hpp"

namespace metta::bindings {

inline std::string shape_text(const pybind11::array& array) {
  std::string text = "(";
  for (pybind11::ssize_t i = 0; i < array.ndim(); ++i) text += (i ? ", " : "") + std::to_string(array.shape(i));
  return text + ")";
}

// The array's memory. Raises TypeError for a wrong dtype and ValueError for a wrong shape or layout, naming `name`.
template <typename T>
T* array_data(const pybind11::array& array, const char* name, const std::vector<std::size_t>& shape, bool writable) {
  namespace py = pybind11;
  if (!array.dtype().equal(py::dtype::of<T>())) {
    throw py::type_error(std::string(name) + " has dtype " + std::string(py::str(array.dtype())) + ", expected " +
                         std::string(py::str(py::dtype::of<T>())));
  }
  bool same = array.ndim() == static_cast<py::ssize_t>(shape.size());
  for (std::size_t i = 0; same && i < shape.size(); ++i) {
    same = array.shape(static_cast<py::ssize_t>(i)) == static_cast<py::ssize_t>(shape[i]);
  }
  if (!same) {
    std::string expected;
    for (std::size_t i = 0; i < shape.size(); ++i) expected += (i ? ", " : "") + std::to_string(shape[i]);
    throw py::value_error(std::string(name) + " has shape " + shape_text(array) + ", expected (" + expected + ")");
  }
  if (!(array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_)) {
    throw py::value_error(std::string(name) + " is not aligned");
  }
  if (!(array.flags() & py::array::c_style)) throw py::value_error(std::string(name) + " must be C-contiguous");
  if (writable && !array.writeable()) throw py::value_error(std::string(name) + " is read-only");
  return static_cast<T*>(const_cast<void*>(array.data()));
}

// As array_data, null for None. TypeError for anything but an array: what would be made of it would not live on.
template <typename T>
T* optional_array_data(const pybind11::object& array, const char* name, const std::vector<std::size_t>& shape) {
  if (array.is_none()) return nullptr;
  if (!pybind11::isinstance<pybind11::array>(array)) {
    throw pybind11::type_error(std::string(name) + " must be a numpy array or None");
  }
  return array_data<T>(pybind11::reinterpret_borrow<pybind11::array>(array), name, shape, false);
}

// A compiled map from int16 [height, width]. Raises ValueError for cell kinds that the game does not have.
Map map_from_array(const pybind11::array& cells, const Game& game);

}  // namespace metta::bindings
