// The module metta_puffer._engine: one register function per family of bindings.
#include <pybind11/pybind11.h>

namespace metta::bindings {
void register_kernels(pybind11::module_& module);
void register_programs(pybind11::module_& module);
void register_game(pybind11::module_& module);
void register_world(pybind11::module_& module);
void register_batch(pybind11::module_& module);
}  // namespace metta::bindings

PYBIND11_MODULE(_engine, module) {
  module.doc() = "Compiled parts of metta-puffer.";
  metta::bindings::register_kernels(module);
  metta::bindings::register_programs(module);
  metta::bindings::register_game(module);
  metta::bindings::register_world(module);
  metta::bindings::register_batch(module);
}
