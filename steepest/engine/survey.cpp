// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/survey.h"

#include <ATen/ATen.h>

#include <cmath>

#include "steepest/engine/measure.h"
#include "steepest/svd/svd.h"

namespace steepest::engine {
namespace {

// Returns the root mean square of each matrix's entries, s [B, r, c], as [B] float64.
at::Tensor root_mean_square(const at::Tensor& s) {
  return s.to(at::kDouble).square().mean({-2, -1}).sqrt();
}

// Returns the largest singular value of each matrix, w [B, r, c], as [B] float64.
at::Tensor largest_singular_value(const at::Tensor& w) {
  if (w.numel() == 0) return at::zeros({w.size(0)}, w.options().dtype(at::kDouble));
  return top_triplets(w, 1).s.select(-1, 0).to(at::kDouble);
}

// Returns |s s^T - I|_F / sqrt(min(r, c)) of each matrix of s [B, r, c], with s^T s for a tall one,
// as [B] float64: 0 for a polar factor, a matrix whose singular values are all 1.
at::Tensor polar_residual(const at::Tensor& s) {
  const auto wide = s.to(at::kDouble);
  const auto x = s.size(-2) <= s.size(-1) ? wide : wide.mT();
  const auto gram = x.matmul(x.mT());
  const auto off = gram - at::eye(gram.size(-1), gram.options());
  return off.flatten(1).norm(2, {1}) / std::sqrt(static_cast<double>(gram.size(-1)));
}

}  // namespace

at::Tensor survey(const Plan& plan, const std::vector<Param>& params,
                  const std::vector<Rates>& rates) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  auto table = at::full({plan.leaves, 5}, nan, at::kDouble);
  std::vector<at::Tensor> u(params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    const auto& momentum = params[i].state->momentum_buffer;
    u[i] = momentum.defined() ? momentum : params[i].grad;
  }
  const StepInput in(plan, params, rates);
  for (const auto& block : plan.blocks) {
    if (!u[block.param].defined() || params[block.param].state->step == 0) continue;
    const auto rows = table.narrow(0, block.leaf, block.batch);
    const auto& value = params[block.param].value;
    const Bucket bucket{.blocks = {&block}, .batch = block.batch, .kernels = &kernels_of(value)};
    const auto measured = measure(in, bucket, {block.matrices(u[block.param])}, Wanted::both,
                                  BucketState(in, bucket));
    const auto s = measured.scale == 1 ? measured.s : measured.s * measured.scale;
    if (plan.needs != Needs::duals) {
      const double lr = rates[block.group].lr, r = block.radius;
      const auto own = plan.needs == Needs::sharp ? measured.dual * (lr * r * r)
                                                  : at::full({block.batch}, lr * r, at::kDouble);
      rows.select(1, 0).copy_(own);
    }
    rows.select(1, 1).copy_(measured.dual);
    rows.select(1, 2).copy_(root_mean_square(s));
    rows.select(1, 3).copy_(largest_singular_value(block.matrices(params[block.param].value)));
    if (plan.rules_of(block).norm->name() == "spectral") rows.select(1, 4).copy_(polar_residual(s));
  }
  return table;
}

}  // namespace steepest::engine
