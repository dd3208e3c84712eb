// SPDX-License-Identifier: Apache-2.0
#include "steepest/norm.h"

#include <ATen/ATen.h>

#include "steepest/cpu/reduce.h"

namespace steepest {

at::Tensor Norm::direction(const at::Tensor& m, const NormContext& context) const {
  return steepest(m, context).direction;
}

at::Tensor Norm::sharp(const at::Tensor& m, const NormContext& context) const {
  const auto [direction, dual] = steepest(m, context);
  return direction * per_matrix(dual, direction);
}

int64_t Norm::warm_columns(int64_t, int64_t) const { return 0; }

void Norm::observe(const at::Tensor&, std::vector<at::Tensor>&, double, double) const {}

at::Tensor inner_product(const at::Tensor& a, const at::Tensor& b) {
  const auto plain = [](const at::Tensor& t) {
    return t.is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous();
  };
  if (plain(a) && plain(b) && a.sizes() == b.sizes()) {
    auto sums = at::empty({a.size(0)}, a.options().dtype(at::kDouble));
    cpu::inner_products(a.const_data_ptr<float>(), b.const_data_ptr<float>(), a.size(0),
                        a.size(1) * a.size(2), sums.mutable_data_ptr<double>());
    return sums;
  }
  // The products of two half-precision numbers are exact in float32, of two float32 numbers not:
  // their rounding errors are independent, and the sum is taken in float64.
  const auto wide = a.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return at::mul(a.to(wide), b.to(wide)).sum({1, 2}, /*keepdim=*/false, at::kDouble);
}

at::Tensor per_matrix(const at::Tensor& v, const at::Tensor& m) {
  return v.to(m.scalar_type()).view({-1, 1, 1});
}

at::Tensor widened(const at::Tensor& x) {
  const bool half = x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16;
  return half ? x.to(at::kFloat) : x;
}

at::Tensor safe_divide(const at::Tensor& a, const at::Tensor& b) {
  return at::where(b == 0, at::zeros({}, a.options()), a / b);
}

}  // namespace steepest
