// Float to integer as the published engine's machine code does it.
#pragma once

#include <cstdint>
#include <limits>

namespace metta {

// Truncates toward zero; what does not fit (or is not a number) becomes the smallest int, as cvttss2si does.
inline std::int32_t truncate_to_int(float x) {
  if (!(x > -2147483904.0F && x < 2147483648.0F)) return std::numeric_limits<std::int32_t>::min();
  return static_cast<std::int32_t>(x);
}

// Float to uint32 by way of int64, keeping the low 32 bits: -3.0 is 0xFFFFFFFD.
inline std::uint32_t truncate_to_uint32(float x) {
  if (!(x >= -9223372036854775808.0F && x < 9223372036854775808.0F)) return 0;  // low bits of INT64_MIN
  return static_cast<std::uint32_t>(static_cast<std::int64_t>(x));
}

// Sum and product modulo 2^32, as the published engine's machine code has them.
inline std::int32_t wrapping_add(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}
inline std::int32_t wrapping_multiply(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
}

}  // namespace metta
