// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/in_full.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/svd/ritz.h"

namespace steepest::svd {
namespace {

constexpr int64_t kMostAtOnce = 1 << 22;  // numbers of A, of which a copy in float64 is made

// body(x[:, begin:end] in float64, begin) from left to right.
void each_stretch(const at::Tensor& x, const auto& body) {
  const int64_t length = std::max<int64_t>(1, kMostAtOnce / x.size(0));
  for (int64_t begin = 0; begin < x.size(1); begin += length)
    body(x.narrow(1, begin, std::min(length, x.size(1) - begin)).to(at::kDouble), begin);
}

at::Tensor gram_by_stretches(const at::Tensor& x) {
  at::Tensor g;
  each_stretch(x, [&](const at::Tensor& part, int64_t) {
    const auto own = at::mm(part, part.mT());
    g = g.defined() ? g + own : own;
  });
  return g;
}

// rows x [k, columns], in float32.
at::Tensor product(const at::Tensor& rows, const at::Tensor& x) {
  const auto y = at::empty({rows.size(0), x.size(1)}, x.options().dtype(at::kFloat));
  each_stretch(x, [&](const at::Tensor& part, int64_t begin) {
    y.narrow(1, begin, part.size(1)).copy_(at::mm(rows, part));
  });
  return y;
}

}  // namespace

bool is_for_full(const at::Tensor& a, const Task& task) {
  return task.options.fallback && !task.fixed() &&
         svd_in_full(a.size(0), a.size(1), task.target.shrink ? 0 : task.target.k);
}

bool gram_pays(const at::Tensor& a, const Task& task) {
  constexpr int64_t kShort = 128, kLong = 64;  // rows; columns a row
  if (is_for_full(a, task))
    return a.numel() <= kMostAtOnce || std::min(a.size(0), a.size(1)) <= kShort;
  return task.options.fallback && !task.fixed() && a.size(0) <= kShort &&
         a.size(1) >= kLong * a.size(0);
}

// With A of more columns than rows, A A^T = U diag(s^2) U^T.
std::optional<Answer> in_full(const at::Tensor& a, const Target& target) {
  const bool wide = a.size(0) <= a.size(1);
  const auto x = wide ? a : a.mT();
  const auto g = gram_by_stretches(x);
  const double size = g.diagonal().sum().item<double>();
  if (!(size > kLeastSize * kLeastSize && size < kMostSize * kMostSize)) return {};
  const auto found = leading(eigen(g), x.size(0), target);
  if (!found) return {};
  Answer answer{found->vectors.mT().to(at::kFloat),
                found->s,
                product(found->scaled, x).mT(),
                found->tau,
                SvdStatus::converged,
                0,
                {}};
  if (!wide) std::swap(answer.u, answer.v);
  return answer;
}

}  // namespace steepest::svd
