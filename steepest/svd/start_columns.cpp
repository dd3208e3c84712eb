// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/start_columns.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>

#include <algorithm>

#include "steepest/svd/pseudo_random.h"

namespace steepest::svd {

StartColumns::StartColumns(const at::Tensor& warm, const at::Tensor& a, int64_t width)
    : a_(a), width_(width), generators_(width) {
  if (warm.defined()) pending_ = warm.to(at::kFloat);
}

at::Tensor StartColumns::take(int64_t max) {
  const int64_t n = std::min(max, pending_.size(1));
  const auto taken = pending_.narrow(1, 0, n).contiguous();
  pending_ = pending_.narrow(1, n, pending_.size(1) - n);
  return taken;
}

at::Tensor StartColumns::filled(const at::Tensor& x) {
  const int64_t have = x.defined() ? x.size(1) : 0;
  if (have >= width_) return x;
  const auto more = random(width_ - have);
  return have == 0 ? more : at::cat({x, more}, 1);
}

// None is pending when a solver asks for more, as it takes those first: nothing is lost.
void StartColumns::add_random(int64_t columns) {
  pending_ = random(columns);
  generators_ += columns;
}

at::Tensor StartColumns::random(int64_t columns) {
  const auto x = pseudo_random(a_.size(1), n_random_, columns, a_.options());
  n_random_ += columns;
  return x;
}

}  // namespace steepest::svd
