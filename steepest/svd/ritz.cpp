// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/ritz.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "steepest/kernels/cpu/tall.h"

namespace steepest::svd {
namespace {

constexpr double kSpread = 50;  // s_1 / s_k, up to which float32 combines

// rows / s of `of`, applied to x: by float32 with an error of eps s_1 / s.
at::Tensor combined(const Leading& of, const at::Tensor& x) {
  const bool few = of.s.min().item<double>() * kSpread < of.s.max().item<double>();
  const auto dtype = few ? at::kDouble : at::kFloat;
  return at::mm(of.scaled.to(dtype), x.to(dtype)).to(at::kFloat);
}

}  // namespace

Eigen eigen(const at::Tensor& g) {
  const auto [d, q] = at::linalg_eigh(g);
  return {d.to(at::kDouble).flip(0).clamp_min(0), q.to(at::kDouble).flip(1).mT()};
}

std::optional<Leading> leading(const Eigen& eigen, int64_t most, const Target& target,
                               double least_ratio) {
  const auto s = eigen.squares.sqrt();
  const auto all = values(s);
  const double rounding = noise(all[0] * std::sqrt(static_cast<double>(most)));
  const int64_t k = std::min<int64_t>(
      target.shrink ? std::max<int64_t>(target.count(all), 1) : target.k, std::ssize(all));
  int64_t rank = 0;
  while (rank < k && all[rank] > rounding) ++rank;
  if (rank > 0 && all[rank - 1] < least_ratio * all[0]) return {};
  auto vectors = eigen.vectors.narrow(0, 0, k).contiguous();
  auto kept = s.narrow(0, 0, k).clone();
  vectors.narrow(0, rank, k - rank).zero_(), kept.narrow(0, rank, k - rank).zero_();
  const auto scaled = vectors / at::where(kept > 0, kept, 1.0).unsqueeze(1);
  return Leading{vectors, scaled, kept, at::scalar_tensor(shrinkage(all), s.options())};
}

std::optional<double> gain_to_come(const Values& squares, const Values& r, int64_t k) {
  double next = 0, gain = 0;
  for (size_t j = k; j < squares.size(); ++j) next = std::max(next, squares[j] + r[j]);
  for (int64_t i = 0; i < k; ++i) {
    if (!(squares[i] > next)) return {};
    gain += r[i] * r[i] / (squares[i] - next) / (2 * std::sqrt(squares[i]));
  }
  return gain;
}

bool proved(const Values& squares, const Values& r, const Values& further, int64_t most,
            const Task& task) {
  const Values s = roots(squares);
  const int64_t k = task.target.count(s);
  if (k > most || k >= std::ssize(s)) return false;
  const auto gain = gain_to_come(squares, r, k);
  const double value = task.target.value(s), most_gain = task.options.tol * value;
  return gain && *gain <= most_gain && task.target.value(further) - value <= most_gain;
}

std::optional<Answer> triplets(const Leading& found, const Space& space, int64_t most,
                               const Task& task) {
  const auto u = combined(found, space.y);
  if (task.target.shrink) {
    const auto v = at::mm(found.vectors.to(at::kFloat), space.v);
    return Answer{u.mT(), found.s, v.mT(), found.tau, SvdStatus::converged, 0, {}};
  }
  const auto b = combined(found, space.z);
  if (task.target.k == 1) {
    const auto size = at::linalg_vector_norm(b, 2, {1}, false, at::kDouble);
    const auto v = b * at::where(size > 0, size.reciprocal(), 0).to(at::kFloat).unsqueeze(1);
    const auto tau = size.select(0, 0) * .5;
    return Answer{u.mT(), size, v.mT(), tau, SvdStatus::converged, 0, {}};
  }
  const auto wide = b.to(at::kDouble);
  const auto better = leading(eigen(at::mm(wide, wide.mT())), most, task.target, space.least_ratio);
  if (!better) return {};
  return Answer{at::mm(better->vectors.to(at::kFloat), u).mT(),
                better->s,
                combined(*better, b).mT(),
                better->tau,
                SvdStatus::converged,
                0,
                {}};
}

at::Tensor ritz_rows(const Eigen& eigen, int64_t count, const at::Tensor& x) {
  return at::mm(eigen.vectors.narrow(0, 0, count).to(at::kFloat), x);
}

at::Tensor residuals(const Eigen& eigen, const at::Tensor& v, const at::Tensor& z) {
  const auto rows = eigen.vectors.narrow(0, 0, z.size(0)).to(at::kFloat);
  const auto squares = eigen.squares.narrow(0, 0, z.size(0)).to(at::kFloat).unsqueeze(1);
  return z - at::mm(squares * rows, v);
}

at::Tensor leading_columns(const at::Tensor& residuals, int64_t width) {
  const int64_t count = residuals.size(0);
  if (count <= width) return residuals.mT();
  const auto wide = residuals.to(at::kDouble);
  const auto q = std::get<1>(at::linalg_eigh(at::mm(wide, wide.mT())));
  return at::mm(q.narrow(1, count - width, width).mT().to(at::kFloat), residuals).mT();
}

at::Tensor next_start(const Eigen& eigen, const at::Tensor& z) {
  const int64_t p = std::min(cpu::kTallWidth, eigen.squares.size(0));
  const auto squares = eigen.squares.narrow(0, 0, p);
  const auto least = squares.max() * 1e-10;
  const auto rows = eigen.vectors.narrow(0, 0, p) / at::maximum(squares, least).unsqueeze(1);
  return at::mm(rows.to(at::kFloat), z).mT();
}

}  // namespace steepest::svd
