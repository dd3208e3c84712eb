// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/gram_svd.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/svd/ritz.h"

namespace steepest::svd {
namespace {

constexpr int64_t kMaxElements = 1 << 22;  // of A, of which a copy in float64 is made at a time

// Calls body(panel, begin) for panels of the columns of x [n, m], from left to right: a panel is a
// copy in float64 of the columns from `begin` on, of at most kMaxElements elements.
void for_each_panel(const at::Tensor& x, const auto& body) {
  const int64_t width = std::max<int64_t>(1, kMaxElements / x.size(0));
  for (int64_t begin = 0; begin < x.size(1); begin += width)
    body(x.narrow(1, begin, std::min(width, x.size(1) - begin)).to(at::kDouble), begin);
}

// Returns X X^T [n, n] in float64 of x [n, m], multiplied panel by panel, so that no float64 copy
// of all of x is made.
at::Tensor row_gram(const at::Tensor& x) {
  at::Tensor g;
  for_each_panel(x, [&](const at::Tensor& panel, int64_t) {
    const auto own = at::mm(panel, panel.mT());
    g = g.defined() ? g + own : own;
  });
  return g;
}

// Returns `rows` [k, n] (float64) times x [n, m], [k, m] in float32, multiplied in float64 panel by
// panel.
at::Tensor product(const at::Tensor& rows, const at::Tensor& x) {
  const auto y = at::empty({rows.size(0), x.size(1)}, x.options().dtype(at::kFloat));
  for_each_panel(x, [&](const at::Tensor& panel, int64_t begin) {
    y.narrow(1, begin, panel.size(1)).copy_(at::mm(rows, panel));
  });
  return y;
}

}  // namespace

bool wants_all_triplets(const at::Tensor& a, const Problem& problem) {
  return problem.options.fallback && !problem.has_fixed_passes() &&
         svd_in_full(a.size(0), a.size(1), problem.target.shrink ? 0 : problem.target.k);
}

bool gram_svd_pays(const at::Tensor& a, const Problem& problem) {
  constexpr int64_t kMaxRows = 128, kMinColumnsPerRow = 64;
  if (wants_all_triplets(a, problem))
    return a.numel() <= kMaxElements || std::min(a.size(0), a.size(1)) <= kMaxRows;
  return problem.options.fallback && !problem.has_fixed_passes() && a.size(0) <= kMaxRows &&
         a.size(1) >= kMinColumnsPerRow * a.size(0);
}

// With X = A or A^T of no more rows than columns, X X^T = U diag(s^2) U^T and V^T = U^T X / s.
std::optional<Result> gram_svd(const at::Tensor& a, const Target& target) {
  const bool is_wide = a.size(0) <= a.size(1);
  const auto x = is_wide ? a : a.mT();
  const auto g = row_gram(x);
  const double square = g.diagonal().sum().item<double>();
  if (!(square > kMinSize * kMinSize && square < kMaxSize * kMaxSize)) return {};
  const auto wanted = wanted_vectors(eigenpairs(g), target);
  if (!wanted) return {};
  Result result{.u = wanted->rows.mT().to(at::kFloat),
                .s = wanted->s,
                .v = product(wanted->scaled, x).mT(),
                .tau = wanted->tau};
  if (!is_wide) std::swap(result.u, result.v);
  return result;
}

}  // namespace steepest::svd
