// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/gram_operator.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

namespace steepest::svd {

GramOperator::GramOperator(const at::Tensor& a, int64_t width, bool half)
    : a_(a), width_(width), half_(half) {}

std::optional<GramOperator::Products> GramOperator::apply(const at::Tensor& x, bool in_float32) {
  const int64_t m = x.size(1);
  auto block = x.contiguous();
  if (m < width_) {  // the kernels take whole blocks
    block = at::zeros({a_.size(1), width_}, a_.options());
    block.narrow(1, 0, m).copy_(x);
  }
  auto y = at::empty({a_.size(0), width_}, a_.options()), z = at::empty_like(block);
  const auto* const from = block.const_data_ptr<float>();
  auto *const to_y = y.mutable_data_ptr<float>(), *const to_z = z.mutable_data_ptr<float>();
  const auto* const a = a_.const_data_ptr<float>();
  if (!half_ || in_float32) {
    cpu::gram_apply({a, a_.size(0), a_.size(1), width_, from, to_y, to_z});
  } else {
    if (!half_matrix_) half_matrix_.emplace(a, a_.size(0), a_.size(1));
    if (!half_matrix_->gram_apply(width_, from, to_y, to_z)) return {};
  }
  passes_ += 2;
  if (m < width_) y = y.narrow(1, 0, m), z = z.narrow(1, 0, m);
  return Products{y, z};
}

}  // namespace steepest::svd
