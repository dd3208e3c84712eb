// SPDX-License-Identifier: Apache-2.0
// The scale of a matrix is taken out twice. First exactly, by a power of two, so that 1e-38 and
// 3e38 neither underflow nor overflow in the norm; then by the Frobenius norm, in the order of
// torch.optim.Muon: cast to the working dtype, norm in that dtype, division. A power of two
// commutes with all three, so that the bits are torch's wherever torch's own eps is not reached.
//
// On an accelerator, where every pass is a launch, the norm is taken in float64 instead. That holds
// the squares of all float32 numbers, and one division is left.

#include "steepest/polar/normalize.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/div.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/threshold.h>
#include <c10/util/Exception.h>

#include <limits>

#include "steepest/base/dtype.h"
#include "steepest/base/tensor.h"

namespace steepest::polar {

void check_batch(const at::Tensor& x) {
  TORCH_CHECK_VALUE(x.defined() && x.dim() == 3, "steepest::polar: x: received ",
                    x.defined() ? std::to_string(x.dim()) + " dimensions" : "an undefined tensor",
                    ", allowed 3: [batch, rows, columns]");
  TORCH_CHECK_VALUE(is_computable(x.scalar_type()), "steepest::polar: dtype of x: received ",
                    dtype_name(x.scalar_type()), ", allowed ", kComputable);
}

at::Tensor scaled_by_power_of_two(const at::Tensor& x) {
  const at::Tensor y = x.scalar_type() == at::kHalf ? x.to(at::kFloat) : x;
  const double inf = std::numeric_limits<double>::infinity();
  const auto largest = at::linalg_vector_norm(y, inf, at::IntArrayRef{1, 2}, /*keepdim=*/true);
  return y.mul(reciprocal_power_of_two(at_least_float32(largest)).to(y.scalar_type()));
}

at::Tensor wide_view(const at::Tensor& x) { return x.size(1) > x.size(2) ? x.mT() : x; }

bool has_float64(const at::Tensor& x) { return !x.is_mps(); }

void matrix_norms_out(const at::Tensor& norms, const at::Tensor& x) {
  at::Tensor out = norms.view({-1, 1, 1});
  at::linalg_vector_norm_out(out, x, 2, at::IntArrayRef{1, 2}, /*keepdim=*/true, at::kDouble);
}

at::Tensor divided_by_norm(const at::Tensor& x, at::ScalarType dtype, double safety) {
  const auto norms = at::empty({x.size(0)}, x.options().dtype(at::kDouble));
  matrix_norms_out(norms, x);
  at::Tensor divisors = at::threshold(norms, 0, 1);  // where a norm is 0, and where it is NaN not
  if (safety != 1) divisors.mul_(safety);
  at::Tensor y = at::empty(x.sizes(), x.options().dtype(dtype));
  return at::div_out(y, x, divisors.view({-1, 1, 1}));
}

at::Tensor normalized_start(const at::Tensor& x, at::ScalarType dtype, double safety) {
  if (dtype == at::kFloat) {
    const auto normalized = try_kernel(kernels_of(x).normalize, x, safety);
    if (normalized.defined()) return wide_view(normalized);
  }
  if (!x.is_cpu() && has_float64(x)) return wide_view(divided_by_norm(x, dtype, safety));
  at::Tensor y = wide_view(scaled_by_power_of_two(x).to(dtype));
  at::Tensor norm = at::linalg_vector_norm(y, 2, at::IntArrayRef{1, 2}, /*keepdim=*/true);
  if (safety != 1) norm.mul_(safety);
  return y.div_(norm.masked_fill_(norm == 0, 1));
}

at::Tensor to_layout_of(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor z = x.size(1) > x.size(2) ? y.mT() : y;
  return z.to(x.scalar_type()).contiguous();
}

std::string described(const std::optional<at::ScalarType>& dtype, bool half_width) {
  if (dtype) return dtype_name(*dtype);
  return half_width ? "input" : "input, float32 at least";
}

}  // namespace steepest::polar
