// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/in_full.h"

#include <ATen/ATen.h>

#include "steepest/svd/ritz.h"

namespace steepest::svd {

bool is_for_full(const at::Tensor& a, const Task& task) {
  return task.options.fallback && !task.fixed() &&
         svd_in_full(a.size(0), a.size(1), task.target.shrink ? 0 : task.target.k);
}

// With A of more columns than rows, A A^T = U diag(s^2) U^T.
std::optional<Answer> in_full(const at::Tensor& a, const Target& target) {
  const bool wide = a.size(0) <= a.size(1);
  const auto x = (wide ? a : a.mT()).to(at::kDouble);
  const auto g = at::mm(x, x.mT());
  const double size = g.diagonal().sum().item<double>();
  if (!(size > kLeastSize * kLeastSize && size < kMostSize * kMostSize)) return {};
  const auto found = leading(eigen(g), x.size(0), target);
  if (!found) return {};
  Answer answer{found->vectors.mT().to(at::kFloat),
                found->s,
                at::mm(found->scaled, x).mT().to(at::kFloat),
                found->tau,
                SvdStatus::converged,
                0,
                {}};
  if (!wide) std::swap(answer.u, answer.v);
  return answer;
}

}  // namespace steepest::svd
