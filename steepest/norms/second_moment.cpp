// SPDX-License-Identifier: Apache-2.0
#include "steepest/norms/second_moment.h"

#include <ATen/ATen.h>

#include <cmath>

#include "steepest/base/tensor.h"

namespace steepest::norms {

void Adaptive::observe(const at::Tensor& g, const at::Tensor&, const Average& average,
                       const NormContext& context) const {
  context.slots[0].mul_(average.keep).addcmul_(g, g, average.take);
}

void Adaptive::observe_each(const TensorList& g, const Average& average,
                            const ListedContext& context) const {
  at::_foreach_mul_(context.slots[0], average.keep);
  at::_foreach_addcmul_(context.slots[0], g, g, average.take);
}

Fractions Adaptive::directions_of_each(const TensorList& u, const ListedContext& context,
                                       Arena& arena) const {
  TensorList metric;
  if (arena.is_kept()) {
    metric = like_each(context.slots[0], arena);
    at::_foreach_copy_(metric, context.slots[0]);
    at::_foreach_sqrt_(metric);
  } else {
    metric = at::_foreach_sqrt(context.slots[0]);
  }
  divide_each(metric, context.root_of_correction);
  at::_foreach_add_(metric, context.eps);
  return {u, metric};
}

at::Tensor Adaptive::preconditioned(const at::Tensor& m, const NormContext& context) {
  auto metric = at_least_float32(context.slots[0]).sqrt();  // float16 would lose eps
  if (context.correction != 1) metric.div_(std::sqrt(context.correction));
  metric.add_(context.eps);
  const auto x = at_least_float32(m) / metric;
  return context.eps > 0 ? x : at::where(m == 0, at::zeros({}, x.options()), x);  // else 0 / 0
}

// A rounded <m, x> may be below 0 where it is 0.
Measured measured_by(const at::Tensor& m, const at::Tensor& x) {
  const auto dual = inner_product(m, x).clamp_min(0).sqrt();
  return {divided(x, dual).to(m.scalar_type()), dual};
}

}  // namespace steepest::norms
