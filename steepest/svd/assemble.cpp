// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/assemble.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/pad.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>

#include <algorithm>

namespace steepest::svd {
namespace {

// Returns x [n, p] or [p] with its last dimension cut to k, as a view, or padded with zeros to k,
// as a copy.
at::Tensor resized(const at::Tensor& x, int64_t k) {
  const int64_t p = x.size(-1);
  return p < k ? at::pad(x, {0, k - p}) : x.narrow(-1, 0, k);
}

// Returns x [n, p] or [p] with zeros in the columns where kept [p], of bools, is false; a NaN there
// is gone too.
at::Tensor masked(const at::Tensor& x, const at::Tensor& kept) { return at::where(kept, x, 0); }

// Returns the warm starts of all matrices as [B, c, q]; undefined where a matrix has none, or their
// numbers of columns differ.
at::Tensor stacked_warm_starts(const std::vector<Result>& results) {
  const at::Tensor& first = results.front().warm_start;
  std::vector<at::Tensor> each;
  for (const Result& result : results) {
    const at::Tensor& x = result.warm_start;
    if (!x.defined() || x.size(1) != first.size(1)) return {};
    each.push_back(x);
  }
  return at::stack(each);
}

}  // namespace

Result keep_wanted(const Result& found, const Matrix& a, const Target& target) {
  const int64_t p = found.s.size(0), k = target.shrink ? p : std::min(target.k, p);
  auto s = found.s.narrow(0, 0, k);
  const auto rounding = at::maximum(a.noise(), s.select(0, 0) * a.product_epsilon());
  s = masked(s, s > rounding);
  const auto tau = shrinkage_threshold(s);
  const auto kept = target.shrink ? s > tau : s > 0;
  return {.u = masked(found.u.narrow(1, 0, k), kept),
          .s = masked(s, kept),
          .v = masked(found.v.narrow(1, 0, k), kept),
          .status = found.status,
          .passes = a.passes(),
          .tau = tau};
}

Result constant_result(double value, const at::Tensor& a, int64_t k, SvdStatus status) {
  const auto s = at::full({k}, value, a.options().dtype(at::kDouble));
  return {.u = at::full({a.size(0), k}, value, a.options()),
          .s = s,
          .v = at::full({a.size(1), k}, value, a.options()),
          .status = status,
          .tau = s.select(0, 0)};
}

Shrinkage assemble(const std::vector<Result>& results, int64_t k, const Scale* scale) {
  std::vector<at::Tensor> u, s, vh, tau;
  Triplets t;
  for (const Result& result : results) {
    u.push_back(resized(result.u, k));
    s.push_back(resized(result.s, k));
    vh.push_back(resized(result.v, k).mT());
    tau.push_back(result.tau);
    t.status.push_back(result.status);
    t.passes.push_back(result.passes);
  }
  const auto at_scale = [&](const at::Tensor& x) { return scale ? scale->restored(x) : x; };
  t.u = at::stack(u);
  t.s = at_scale(at::stack(s));
  t.vh = at::stack(vh);
  t.attained = t.s.sum(1);
  t.warm_start = stacked_warm_starts(results);
  return {t, at_scale(at::stack(tau))};
}

}  // namespace steepest::svd
