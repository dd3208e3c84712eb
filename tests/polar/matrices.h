// SPDX-License-Identifier: Apache-2.0
// Seeded matrices, and the float64 SVD that judges polar factors.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <tuple>
#include <vector>

#include "steepest/polar/polar.h"

namespace steepest::polar::test {

inline at::Tensor gaussian(at::IntArrayRef sizes, uint64_t seed) {
  return at::randn(sizes, at::detail::createCPUGenerator(seed), at::TensorOptions(at::kDouble));
}

// U diag(s) V^T with U and V from the QR of Gaussian matrices; s has min(r, c) entries.
inline at::Tensor with_spectrum(const at::Tensor& s, int64_t r, int64_t c, uint64_t seed) {
  const int64_t k = s.numel();
  const at::Tensor u = std::get<0>(at::linalg_qr(gaussian({r, k}, seed)));
  const at::Tensor v = std::get<0>(at::linalg_qr(gaussian({c, k}, seed + 1)));
  return at::mm(u * s, v.t()).unsqueeze(0);
}

// n values falling from `high` to `low`, equally spaced in their logarithm.
inline at::Tensor logarithmic(int64_t n, double low, double high = 1) {
  return at::logspace(std::log10(high), std::log10(low), n, 10.0, at::kDouble);
}

inline std::unique_ptr<PolarSolver> solver(const std::string& method,
                                           std::optional<int64_t> steps = {},
                                           std::optional<at::ScalarType> dtype = {}) {
  return make_polar({.method = method, .steps = steps, .dtype = dtype});
}

// U V^T of each matrix, from a float64 SVD; singular values below cut * the largest give zero.
inline at::Tensor exact_polar(const at::Tensor& x, double cut = 1e-12) {
  const auto [u, s, vh] = at::linalg_svd(x.to(at::kDouble), /*full_matrices=*/false);
  const at::Tensor kept = (s > s.narrow(-1, 0, 1) * cut).to(at::kDouble);
  return at::matmul(u * kept.unsqueeze(-2), vh);
}

// How far y is from being the polar factor of x. With x = U S V^T and Y = U^T y V over the singular
// values above cut: `diagonal`, the largest |1 - Y_ii|; `rest`, the spectral norm of what is
// neither on that diagonal nor in the null space; `null`, the spectral norm of y outside U and V.
struct Judgement {
  double diagonal = 0, rest = 0, null = 0;
};

inline double spectral_norm(const at::Tensor& m) {
  return m.numel() ? at::linalg_svdvals(m).max().item<double>() : 0;
}

inline Judgement judge(const at::Tensor& y, const at::Tensor& x, double cut = 1e-9) {
  Judgement worst;
  for (int64_t i = 0; i < x.size(0); ++i) {
    const auto [u, s, vh] = at::linalg_svd(x[i].to(at::kDouble), /*full_matrices=*/false);
    const int64_t rank = (s > s[0] * cut).sum().item<int64_t>();
    const at::Tensor left = u.narrow(1, 0, rank), right = vh.narrow(0, 0, rank);
    const at::Tensor z = y[i].to(at::kDouble);
    const at::Tensor core = at::mm(at::mm(left.t(), z), right.t());
    const at::Tensor outside = z - at::mm(at::mm(left, core), right);
    if (rank > 0)
      worst.diagonal = std::max(worst.diagonal, (1 - core.diagonal()).abs().max().item<double>());
    worst.rest = std::max(worst.rest, spectral_norm(core - core.diagonal().diag()));
    worst.null = std::max(worst.null, spectral_norm(outside));
  }
  return worst;
}

inline double largest(const at::Tensor& x) {
  return x.numel() ? x.to(at::kDouble).abs().max().item<double>() : 0;
}

inline bool all_finite(const at::Tensor& x) { return x.isfinite().all().item<bool>(); }

}  // namespace steepest::polar::test
