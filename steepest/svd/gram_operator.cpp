// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/gram_operator.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <utility>

namespace steepest::svd {

GramOperator::GramOperator(const at::Tensor& a, int64_t width, GramApply rounded)
    : a_(a), width_(width), rounded_(std::move(rounded)) {}

std::optional<GramOperator::Products> GramOperator::apply(const at::Tensor& x, bool in_float32) {
  const int64_t m = x.size(1);
  auto block = x.contiguous();
  if (m < width_) {  // the kernels take whole blocks
    block = at::zeros({a_.size(1), width_}, a_.options());
    block.narrow(1, 0, m).copy_(x);
  }
  auto y = at::empty({a_.size(0), width_}, a_.options()), z = at::empty_like(block);
  if (!rounded_ || in_float32) {
    kernels_of(a_).blocks->gram_apply(a_, block, y, z);
  } else {
    has_rounded_ = true;
    if (!rounded_(block, y, z)) return {};
  }
  passes_ += 2;
  if (m < width_) y = y.narrow(1, 0, m), z = z.narrow(1, 0, m);
  return Products{y, z};
}

}  // namespace steepest::svd
