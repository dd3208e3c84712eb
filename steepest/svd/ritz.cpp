// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/ritz.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace steepest::svd {

Eigenpairs eigenpairs(const at::Tensor& g) {
  const auto [d, q] = at::linalg_eigh(g);
  return {d.to(at::kDouble).flip(0).clamp_min(0), q.to(at::kDouble).flip(1).mT()};
}

std::optional<RitzVectors> wanted_vectors(const Eigenpairs& pairs, const Target& target,
                                          double min_ratio) {
  const auto s = pairs.squares.sqrt();
  const auto all = values(s);
  const double rounding = rounding_noise(all[0] * std::sqrt(static_cast<double>(target.max_rank)));
  const int64_t k = std::min<int64_t>(
      target.shrink ? std::max<int64_t>(target.count(all), 1) : target.k, std::ssize(all));
  int64_t rank = 0;
  while (rank < k && all[rank] > rounding) ++rank;
  if (rank > 0 && all[rank - 1] < min_ratio * all[0]) return {};
  auto rows = pairs.vectors.narrow(0, 0, k).contiguous();
  auto kept = s.narrow(0, 0, k).clone();
  rows.narrow(0, rank, k - rank).zero_(), kept.narrow(0, rank, k - rank).zero_();
  const auto scaled = rows / at::where(kept > 0, kept, 1.0).unsqueeze(1);
  return RitzVectors{rows, scaled, kept, at::scalar_tensor(shrinkage_threshold(all), s.options())};
}

std::optional<double> max_gain(const Values& squares, const Values& r, int64_t k) {
  double next = 0, gain = 0;
  for (size_t j = k; j < squares.size(); ++j) next = std::max(next, squares[j] + r[j]);
  for (int64_t i = 0; i < k; ++i) {
    if (!(squares[i] > next)) return {};
    gain += r[i] * r[i] / (squares[i] - next) / (2 * std::sqrt(squares[i]));
  }
  return gain;
}

Values of_left_vectors(Values r, const Values& s) {
  for (size_t i = 0; i < r.size(); ++i) r[i] = s[i] > 0 ? r[i] / s[i] : 0;
  return r;
}

bool has_provably_converged(const Values& squares, const Values& r, const Values& values_of_uta,
                            int64_t max_k, const Problem& problem) {
  const Values s = roots(squares);
  const int64_t k = problem.target.count(s);
  if (k > max_k || k >= std::ssize(s)) return false;
  const double value = problem.target.value(s), allowed = problem.options.tol * value;
  if (problem.options.stop == "approximation") {
    const double error = problem.target.approximation_error(s, of_left_vectors(r, s));
    if (!(error <= problem.options.tol)) return false;
  } else {
    const auto gain = max_gain(squares, r, k);
    if (!gain || *gain > allowed) return false;
  }
  return problem.target.value(values_of_uta) - value <= allowed;
}

}  // namespace steepest::svd
