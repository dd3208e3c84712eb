// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cuda/iteration.h"

#include <ATen/ops/empty.h>

#include "steepest/kernels/cuda/launch.h"
#include "steepest/kernels/cuda/one_block.h"
#include "steepest/kernels/cuda/step_tasks.h"
#include "steepest/kernels/cuda/symmetric_product.h"

namespace steepest::cuda {
namespace {

// Returns the result by one block a matrix; undefined where the shape or the device does not allow
// it.
at::Tensor by_one_block(const at::Tensor& x, const PolynomialIteration& iteration,
                        bool may_overwrite) {
  const auto plan = one_block_launch(x.size(1), x.size(2), kind_of_dtype(x.scalar_type()),
                                     iteration, shared_limit(x));
  if (!plan) return {};
  const auto from = x.contiguous();
  const bool in_place = may_overwrite || !from.is_alias_of(x);
  const auto y = in_place ? from : at::empty(x.sizes(), x.options());
  const auto work =
      plan->needs_work ? at::empty(x.sizes(), x.options().dtype(at::kHalf)) : at::Tensor();
  auto task = plan->task;
  task.x = from.const_data_ptr();
  task.y = y.mutable_data_ptr();
  if (work.defined()) task.work = static_cast<unsigned short*>(work.mutable_data_ptr());
  task.vectors = has_aligned_rows(from) && x.size(2) % 8 == 0;
  const Launch how{.kernel = "one_block_" + std::to_string(plan->width),
                   .blocks = x.size(0),
                   .threads = threads_of(plan->width),
                   .shared_bytes = plan->shared_bytes};
  return launch(how, x, &task) ? y : at::Tensor();
}

}  // namespace

at::Tensor iterate(const at::Tensor& x, const PolynomialIteration& iteration, bool may_overwrite) {
  if (!iteration.half_operands || x.numel() == 0 || x.scalar_type() == at::kDouble) return {};
  const auto y = by_one_block(x, iteration, may_overwrite);
  return y.defined() ? y : by_symmetric_products(x, iteration);
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  const bool transposed = b.is_alias_of(a) && b.const_data_ptr() == a.const_data_ptr() &&
                          b.sizes() == a.mT().sizes() && b.strides() == a.mT().strides();
  return transposed && is_symmetric_operand(a) ? symmetric_product(a, a, 1) : at::Tensor();
}

at::Tensor product_plus(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, double beta,
                        double alpha) {
  const bool one = a.is_same(c) && b.is_same(c) && c.is_contiguous();
  return one && is_symmetric_operand(c) ? symmetric_product(a, a, alpha, c, beta) : at::Tensor();
}

}  // namespace steepest::cuda
