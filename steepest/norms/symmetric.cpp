// SPDX-License-Identifier: Apache-2.0
#include "steepest/norms/symmetric.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <limits>

#include "steepest/base/tensor.h"

namespace steepest::norms {
namespace {

std::atomic<int64_t> float64_count{0};

}  // namespace

Eigen by_lapack(const at::Tensor& x) {
  try {
    auto [values, vectors] = at::linalg_eigh(x);
    const bool looks = kernels_of(x).host_reads;
    if (looks && !at::isfinite(values).all().item<bool>()) return {};
    return {values, vectors};
  } catch (const c10::LinAlgError&) {
    return {};
  }
}

int64_t float64_eigenproblems() { return float64_count; }

// LAPACK may not return from a matrix with a NaN or an infinity: it is given a zero matrix in its
// place. Each matrix is scaled to entries near 1, as their squares are formed.
Eigen eigen(const at::Tensor& f, Eigen (*solve)(const at::Tensor&)) {
  const auto x = at_least_float32(f);
  if (x.numel() == 0) return {x.sum(2), x};
  const auto finite = at::isfinite(x).all(2).all(1).view({-1, 1, 1});
  const auto scale = power_of_two(x.abs().amax({1, 2}, true).to(at::kDouble)).to(x.scalar_type());
  const auto solvable = at::where(finite, x / scale, 0);
  auto found = solve(solvable);
  if (!found.values.defined()) {
    ++float64_count;
    TORCH_WARN_ONCE("steepest: an eigenproblem has been solved in float64, as float32 failed");
    const auto [values, vectors] = at::linalg_eigh(solvable.to(at::kDouble));
    found = {values.to(x.scalar_type()), vectors.to(x.scalar_type())};
  }
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const auto values = at::where(finite.squeeze(2), found.values * scale.squeeze(2), kNaN);
  return {values.flip(1), found.vectors.flip(2)};
}

// With F = Q D Q^T the power is Y Y^T for Y = Q (D + eps l)^(-power / 2).
at::Tensor inverse_power(const at::Tensor& f, double power, double eps) {
  const auto [values, q] = eigen(f);
  if (values.numel() == 0) return q;
  const auto largest = values.narrow(1, 0, 1);
  const auto d = values.clamp_min(0) + eps * largest;
  const auto root = at::where(d == 0, 0, d.pow(-power / 2));
  return symmetric_product(q * at::where(largest == 0, 1, root).unsqueeze(1));
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  const auto own = try_kernel(kernels_of(a).quick_product, a, b);
  return own.defined() ? own : at::bmm(a, b);
}

// The kernel sees that one factor is the other's transpose, and computes half.
at::Tensor symmetric_product(const at::Tensor& x) { return product(x, x.mT()); }

at::Tensor orthonormal(const at::Tensor& x) { return std::get<0>(at::linalg_qr(x)); }

}  // namespace steepest::norms
