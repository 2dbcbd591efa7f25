// The module metta_puffer._engine: one register function per family of bindings.
#include <pybind11/pybind11.h>

namespace metta::bindings {
void register_advantage(pybind11::module_& module);
void register_actions(pybind11::module_& module);
void register_programs(pybind11::module_& module);
void register_game(pybind11::module_& module);
void register_world(pybind11::module_& module);
void register_maps(pybind11::module_& module);
void register_batch(pybind11::module_& module);
}  // namespace metta::bindings

namespace {

// Before anything of the engine runs, which would end in an illegal instruction.
void check_processor() {
#if defined(METTA_PUFFER_NEEDS_X86_64_V3)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) return;
  throw pybind11::import_error(
      "metta_puffer._engine was built for x86-64-v3 (AVX2, BMI2), which this processor lacks. Remedy: reinstall with "
      "--config-settings cmake.define.METTA_PUFFER_X86_ARCH=x86-64");
#endif
}

}  // namespace

PYBIND11_MODULE(_engine, module) {
  check_processor();
  module.doc() = "Compiled parts of metta-puffer.";
  metta::bindings::register_advantage(module);
  metta::bindings::register_actions(module);
  metta::bindings::register_programs(module);
  metta::bindings::register_game(module);
  metta::bindings::register_world(module);
  metta::bindings::register_maps(module);
  metta::bindings::register_batch(module);
}
