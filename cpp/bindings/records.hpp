// Plain records shown to Python: every field an attribute, every table a list that is copied in and out.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <utility>

#include "game/game.hpp"

namespace pybind11::detail {

// A Range is a (first, count) pair in Python.
template <>
struct type_caster<metta::Range> {
  PYBIND11_TYPE_CASTER(metta::Range, const_name("tuple[int, int]"));
  bool load(handle source, bool convert) {
    make_caster<std::pair<std::uint32_t, std::uint32_t>> pair;
    if (!pair.load(source, convert)) return false;
    std::tie(value.first, value.count) = cast_op<std::pair<std::uint32_t, std::uint32_t>>(pair);
    return true;
  }
  static handle cast(metta::Range range, return_value_policy, handle) {
    return make_tuple(range.first, range.count).release();
  }
};

// A Direction is a (row, col) pair.
template <>
struct type_caster<metta::Direction> {
  PYBIND11_TYPE_CASTER(metta::Direction, const_name("tuple[int, int]"));
  bool load(handle source, bool convert) {
    make_caster<std::pair<std::int16_t, std::int16_t>> pair;
    if (!pair.load(source, convert)) return false;
    std::tie(value.row, value.col) = cast_op<std::pair<std::int16_t, std::int16_t>>(pair);
    return true;
  }
  static handle cast(metta::Direction direction, return_value_policy, handle) {
    return make_tuple(direction.row, direction.col).release();
  }
};

}  // namespace pybind11::detail
