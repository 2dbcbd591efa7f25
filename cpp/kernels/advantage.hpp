// Generalized advantage estimation with V-trace clips, over plain pointers.
#pragma once

#include <cstddef>

namespace metta::kernels {

struct AdvantageCoefficients {
  float gamma;
  float gae_lambda;
  float vtrace_rho_clip;
  float vtrace_c_clip;
};

// One trajectory of `horizon` agent-steps. Reward and done at t belong to the action taken at t-1, as the
// rollout buffers store them, so advantages[t] is built from column t+1. advantages[horizon-1] is left as it
// was: that column only supplies the bootstrap value. (GAE: Schulman et al. 2016; V-trace: Espeholt et al. 2018.)
void compute_advantage_row(const float* values, const float* rewards, const float* dones,
                           const float* importance_ratios, float* advantages, std::size_t horizon,
                           const AdvantageCoefficients& coefficients);

// `rows` independent trajectories, each contiguous.
void compute_advantages(const float* values, const float* rewards, const float* dones,
                        const float* importance_ratios, float* advantages, std::size_t rows, std::size_t horizon,
                        const AdvantageCoefficients& coefficients);

}  // namespace metta::kernels
