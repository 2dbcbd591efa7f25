#include "kernels/advantage.hpp"

#include <algorithm>

namespace metta::kernels {

void compute_advantage_row(const float* values, const float* rewards, const float* dones,
                           const float* importance_ratios, float* advantages, std::size_t horizon,
                           const AdvantageCoefficients& coefficients) {
  if (horizon < 2) return;
  float carried = 0.0f;
  for (std::size_t t = horizon - 1; t-- > 0;) {
    const std::size_t next = t + 1;
    const float continues = 1.0f - dones[next];
    const float rho = std::min(importance_ratios[t], coefficients.vtrace_rho_clip);
    const float c = std::min(importance_ratios[t], coefficients.vtrace_c_clip);
    const float delta = rho * (rewards[next] + coefficients.gamma * values[next] * continues - values[t]);
    carried = delta + coefficients.gamma * coefficients.gae_lambda * c * carried * continues;
    advantages[t] = carried;
  }
}

void compute_advantages(const float* values, const float* rewards, const float* dones,
                        const float* importance_ratios, float* advantages, std::size_t rows, std::size_t horizon,
                        const AdvantageCoefficients& coefficients) {
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t start = row * horizon;
    compute_advantage_row(values + start, rewards + start, dones + start, importance_ratios + start,
                          advantages + start, horizon, coefficients);
  }
}

}  // namespace metta::kernels
