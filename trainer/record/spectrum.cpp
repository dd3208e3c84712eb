// SPDX-License-Identifier: Apache-2.0
#include "trainer/record/spectrum.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace steepest::trainer {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kLost = 1e-8;    // of the largest singular value
constexpr int64_t kPiece = 4096;  // rows of the long side that are in float64 at once

// Returns X' X [c, c] in float64 of x [r, c] with r >= c, divided by the square of `scale`.
at::Tensor gram_of(const at::Tensor& x, double scale) {
  auto gram = at::zeros({x.size(1), x.size(1)}, x.options().dtype(at::kDouble));
  for (int64_t first = 0; first < x.size(0); first += kPiece) {
    const int64_t count = std::min(kPiece, x.size(0) - first);
    const auto piece = x.narrow(0, first, count).to(at::kDouble).div(scale);
    gram.addmm_(piece.t(), piece);
  }
  return gram;
}

}  // namespace

double Spectrum::energy() const {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return sum;
}

double Spectrum::stable_rank() const {
  return values.empty() ? kNaN : energy() / (values.front() * values.front());
}

double Spectrum::entropy_rank() const {
  if (values.empty()) return kNaN;
  const double all = energy();
  double entropy = 0;
  for (const double value : values) {
    const double share = value * value / all;
    entropy -= share * std::log(share);
  }
  return std::exp(entropy);
}

double Spectrum::condition_99() const {
  const double wanted = .99 * energy();
  double sum = 0;
  for (const double value : values) {
    sum += value * value;
    if (sum >= wanted) return values.front() / value;
  }
  return kNaN;
}

Spectrum spectrum_of(const at::Tensor& matrix) {
  const auto x = matrix.size(0) >= matrix.size(1) ? matrix : matrix.t();
  Spectrum spectrum;
  const double largest = x.numel() == 0 ? 0 : x.abs().max().to(at::kDouble).item<double>();
  spectrum.finite = std::isfinite(largest);
  spectrum.lost = x.size(1);
  if (largest == 0 || !spectrum.finite) return spectrum;
  const auto squares = at::linalg_eigvalsh(gram_of(x, largest)).cpu();  // ascending
  const auto* square = squares.const_data_ptr<double>();
  const double first = std::sqrt(square[x.size(1) - 1]);
  for (int64_t i = x.size(1) - 1; i >= 0; --i) {
    const double value = std::sqrt(std::max(square[i], 0.));
    if (value < kLost * first) break;
    spectrum.values.push_back(value * largest);
    --spectrum.lost;
  }
  return spectrum;
}

double root_mean_square(const at::Tensor& x) {
  return x.to(at::kDouble).square().mean().sqrt().item<double>();
}

double cosine(const at::Tensor& x, const at::Tensor& y) {
  const auto a = x.to(at::kDouble), b = y.to(at::kDouble);
  const double norms = (a.norm() * b.norm()).item<double>();
  return norms > 0 ? std::clamp((a * b).sum().item<double>() / norms, -1., 1.) : kNaN;
}

}  // namespace steepest::trainer
