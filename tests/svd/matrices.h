// SPDX-License-Identifier: Apache-2.0
// Seeded matrices of known spectrum, and the float64 SVD that judges triplets.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "steepest/svd/svd.h"

namespace steepest::test {

inline at::Tensor gaussian(at::IntArrayRef sizes, uint64_t seed) {
  return at::randn(sizes, at::detail::createCPUGenerator(seed), at::TensorOptions(at::kDouble));
}

inline const std::vector<std::string>& spectra() {
  static const std::vector<std::string> all = {"gaussian",  "inverse", "geometric", "low_rank",
                                               "clustered", "tied",    "all_tied",  "zero"};
  return all;
}

// n singular values; undefined for "gaussian", whose entries are drawn instead.
inline at::Tensor spectrum(const std::string& name, int64_t n) {
  const auto i = at::arange(1, n + 1, at::kDouble);
  const auto first_five = i <= 5, bulk = .6 - .5 * i / n;
  if (name == "inverse") return 1 / i;
  if (name == "geometric") return at::pow(.9, i);
  if (name == "low_rank") return at::where(first_five, 1 / i, 0.);
  if (name == "clustered") return at::where(first_five, 1 - 1e-4 * i, bulk);
  if (name == "tied") return at::where(first_five, at::ones_like(i), bulk);
  if (name == "all_tied") return at::ones_like(i);
  if (name == "zero") return at::zeros_like(i);
  return {};
}

// [1, r, c] float64: U diag(s) V^T with U and V from the QR of Gaussian matrices.
inline at::Tensor matrix(const std::string& name, int64_t r, int64_t c, uint64_t seed) {
  const int64_t n = std::min(r, c);
  const auto s = spectrum(name, n);
  if (!s.defined()) return gaussian({1, r, c}, seed);
  const auto u = std::get<0>(at::linalg_qr(gaussian({r, n}, seed)));
  const auto v = std::get<0>(at::linalg_qr(gaussian({c, n}, seed + 1)));
  return at::mm(u * s, v.t()).unsqueeze(0);
}

struct Exact {
  at::Tensor u, s, vh;  // of matrix b, float64, all of them

  explicit Exact(const at::Tensor& a, int64_t b = 0) {
    std::tie(u, s, vh) = at::linalg_svd(a.select(0, b).to(at::kDouble), /*full_matrices=*/false);
  }
  double sum(int64_t k) const {
    return s.narrow(0, 0, std::min(k, s.numel())).sum().item<double>();
  }
  // sum_{i<=k} u_i v_i^T
  at::Tensor direction(int64_t k) const { return at::mm(u.narrow(1, 0, k), vh.narrow(0, 0, k)); }
};

// sum u v^T as the caller would form it, in float64.
inline at::Tensor direction(const Triplets& t, int64_t b = 0) {
  return at::mm(t.u[b].to(at::kDouble), t.vh[b].to(at::kDouble));
}

inline double inner_product(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) * b.to(at::kDouble)).sum().item<double>();
}

inline double number(const at::Tensor& x) { return x.to(at::kDouble).item<double>(); }
inline double largest(const at::Tensor& x) { return x.numel() ? number(x.abs().max()) : 0; }

// max |x^T x - 1| over the columns that are not zero, with exact zeros for the others.
inline double orthonormality(const at::Tensor& x) {
  const auto y = x.to(at::kDouble);
  const auto present = (y.abs().amax(0) > 0).to(at::kDouble);
  return largest(at::mm(y.t(), y) - present.diag());
}

inline std::vector<std::string> iterative_methods() {
  auto names = svd_methods();
  std::erase(names, "exact");
  return names;
}

// What is promised for `attained`, in parts of s_1 + .. + s_k: see svd.h.
inline double promised_loss(const std::string& method, int64_t k, double tol) {
  if (method == "exact") return 0;
  if (method == "block_krylov") return tol;
  return k == 1 ? std::max(tol, .05) : 10 * tol;
}

}  // namespace steepest::test
