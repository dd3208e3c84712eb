// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/step.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "steepest/kernels/cpu/every_cpu.h"
#include "steepest/kernels/cpu/reduce.h"
#include "steepest/kernels/plain.h"

namespace steepest::cpu {
namespace {

constexpr int64_t kGrain = 1 << 15;  // entries for which a thread is worth its start

// ATen's lerp: from the nearer end, with one rounding of the product and the sum.
struct Lerp {
  float weight;  // w, or w - 1 from the far end
  bool near;     // whether w is near 0
  // Prepares lerp(from, to, w) = from + w (to - from), with w rounded to float32. Where |w| is
  // below a half, `near` is set, and it is computed as from + weight (to - from); else as to +
  // weight (to - from), with weight = w - 1.
  explicit Lerp(double w) : weight(static_cast<float>(w)), near(std::abs(weight) < 0.5f) {
    if (!near) weight -= 1;
  }
};

// Computes m <- lerp(m, g, take) in place, then writes u <- lerp(g, m, carry) of the new m, for n
// entries, in one pass. take and take_near, carry and carry_near are the `weight` and `near` of a
// Lerp each: whether lerp begins at its first argument, as torch's does for weights below a half.
STEEPEST_EVERY_CPU void momentum_loop(float* m, const float* g, float* u, int64_t n, float take,
                                      bool take_near, float carry, bool carry_near) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float x = g[i];
    const float now = std::fma(take, x - m[i], take_near ? m[i] : x);
    m[i] = now;
    u[i] = std::fma(carry, now - x, carry_near ? x : now);
  }
}

// Computes w <- keep w + minus s in place for n entries, in float32. `keep` is what weight decay
// leaves of a weight; `minus` is the coefficient of the direction s with its sign changed.
STEEPEST_EVERY_CPU void update_loop(float* w, const float* s, int64_t n, float keep, float minus) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) w[i] = std::fma(s[i], minus, w[i] * keep);
}

// Does as update_loop(), in float64 and rounded once: for a coefficient, -minus, that float32
// cannot hold.
STEEPEST_EVERY_CPU void wide_update_loop(float* w, const float* s, int64_t n, double keep,
                                         double minus) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i)
    w[i] = static_cast<float>(static_cast<double>(s[i]) * minus + static_cast<double>(w[i]) * keep);
}

// Computes w <- keep w + minus s in place where w and s have the same sign or either is 0, else w +
// minus s (cautious weight decay), for n entries, in float64. minus is at most 0: w moves against
// s, so that at the same sign the decay and the step pull w the same way.
STEEPEST_EVERY_CPU void cautious_loop(float* w, const float* s, int64_t n, double keep,
                                      double minus) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const double x = w[i], y = s[i];
    w[i] = static_cast<float>(y * minus + x * (x * y >= 0 ? keep : 1));
  }
}

}  // namespace

bool advance(const at::Tensor& m, const at::Tensor& g, const at::Tensor& u, double take,
             double carry) {
  if (!is_contiguous_float32(m) || !is_contiguous_float32(g) || !is_contiguous_float32(u))
    return false;
  const Lerp first(take), second(carry);
  auto* const m_data = m.mutable_data_ptr<float>();
  auto* const u_data = u.mutable_data_ptr<float>();
  const auto* const g_data = g.const_data_ptr<float>();
  at::parallel_for(0, m.numel(), kGrain, [&](int64_t begin, int64_t end) {
    momentum_loop(m_data + begin, g_data + begin, u_data + begin, end - begin, first.weight,
                  first.near, second.weight, second.near);
  });
  m.unsafeGetTensorImpl()->bump_version();
  return true;
}

bool nesterov_products(const at::Tensor& m, const at::Tensor& g, double carry, const at::Tensor& s,
                       const at::Tensor& products) {
  if (!is_contiguous_float32(m) || !is_contiguous_float32(g) || !is_contiguous_float32(s))
    return false;
  const Lerp nesterov(carry);
  const LerpView u{m.const_data_ptr<float>(), g.const_data_ptr<float>(), nesterov.weight,
                   nesterov.near};
  const int64_t batch = products.size(0);
  inner_products(u, s.const_data_ptr<float>(), batch, batch == 0 ? 0 : s.numel() / batch,
                 products.mutable_data_ptr<double>());
  return true;
}

bool apply(const at::Tensor& w, const at::Tensor& s, const DecayedMove& move) {
  if (!is_contiguous_float32(w) || !is_contiguous_float32(s)) return false;
  auto* const w_data = w.mutable_data_ptr<float>();
  const auto* const s_data = s.const_data_ptr<float>();
  const bool single = is_in_float32_range(move.coefficient);
  const auto kept = static_cast<float>(move.keep), minus = static_cast<float>(-move.coefficient);
  at::parallel_for(0, w.numel(), kGrain, [&](int64_t begin, int64_t end) {
    if (move.aligned_only)
      cautious_loop(w_data + begin, s_data + begin, end - begin, move.keep, -move.coefficient);
    else if (single)
      update_loop(w_data + begin, s_data + begin, end - begin, kept, minus);
    else
      wide_update_loop(w_data + begin, s_data + begin, end - begin, move.keep, -move.coefficient);
  });
  w.unsafeGetTensorImpl()->bump_version();
  return true;
}

}  // namespace steepest::cpu
