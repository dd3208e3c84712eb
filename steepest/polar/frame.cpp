// SPDX-License-Identifier: Apache-2.0
// The scale of a matrix is taken out twice: first exactly, by a power of two, so that 1e-38 and
// 3e38 neither underflow nor overflow in the norm; then by the Frobenius norm, in the order of
// torch.optim.Muon: cast to the working dtype, norm in that dtype, division. A power of two
// commutes with all three, so the bits are torch's wherever torch's own eps is not reached.

#include "steepest/polar/frame.h"

#include "steepest/polar/normalize_cpu.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/stack.h>
#include <c10/util/Exception.h>

#include <limits>
#include <string>
#include <vector>

#include "steepest/base/dtype.h"

namespace steepest {
namespace {

bool is_reduced(at::ScalarType t) { return t == at::kBFloat16 || t == at::kHalf; }

// 2^-floor(log2 |v|) from the exponent's bits: E + bias -> bias - E. Exact on every device, with
// denormals flushed or not. v = 0 and denormal v give the largest power, 2^bias.
at::Tensor reciprocal_power_of_two(const at::Tensor& v) {
  const bool wide = v.scalar_type() == at::kDouble;
  const int64_t mantissa_bits = wide ? 52 : 23, bias = wide ? 1023 : 127;
  at::Tensor e =
      v.contiguous().view(wide ? at::kLong : at::kInt).bitwise_right_shift(mantissa_bits);
  e = e.neg().add(2 * bias).clamp_min(1);  // never below the smallest normal number
  return e.bitwise_left_shift(mantissa_bits).view(v.scalar_type());
}

// torch multiplies 2-D operands by oneDNN from 16^3 multiplications on and counts the whole batch
// for 3-D ones: below that the two sum in different orders. One at a time, a matrix has the same
// bits alone, in any batch, and in torch.optim.Muon.
bool one_by_one(const at::Tensor& a, const at::Tensor& b) {
  if (!is_reduced(a.scalar_type()) || !a.is_cpu()) return false;
  return a.size(0) == 1 || a.size(1) * a.size(2) * b.size(2) <= 16 * 16 * 16;
}

}  // namespace

void check_batch(const at::Tensor& x) {
  TORCH_CHECK_VALUE(x.defined() && x.dim() == 3, "steepest::polar: x: received ",
                    x.defined() ? std::to_string(x.dim()) + " dimensions" : "an undefined tensor",
                    ", allowed 3: [batch, rows, columns]");
  const at::ScalarType t = x.scalar_type();
  TORCH_CHECK_VALUE(t == at::kDouble || t == at::kFloat || is_reduced(t),
                    "steepest::polar: dtype of x: received ", t,
                    ", allowed float64, float32, bfloat16, float16");
}

at::Tensor scaled_by_power_of_two(const at::Tensor& x) {
  const at::Tensor y = x.scalar_type() == at::kHalf ? x.to(at::kFloat) : x;
  const double inf = std::numeric_limits<double>::infinity();
  at::Tensor largest = at::linalg_vector_norm(y, inf, at::IntArrayRef{1, 2}, /*keepdim=*/true);
  largest = largest.to(at_least_float32(y.scalar_type()));
  return y.mul(reciprocal_power_of_two(largest).to(y.scalar_type()));
}

at::Tensor wide(const at::Tensor& x) { return x.size(1) > x.size(2) ? x.mT() : x; }

at::Tensor normalized_start(const at::Tensor& x, at::ScalarType dtype, double safety) {
  if (dtype == at::kFloat) {
    if (const auto y = normalized_on_cpu(x, safety); y.defined()) return wide(y);
  }
  at::Tensor y = wide(scaled_by_power_of_two(x).to(dtype));
  at::Tensor norm = at::linalg_vector_norm(y, 2, at::IntArrayRef{1, 2}, /*keepdim=*/true);
  if (safety != 1) norm.mul_(safety);
  return y.div_(norm.masked_fill_(norm == 0, 1));
}

at::Tensor restored(const at::Tensor& y, const at::Tensor& x) {
  const at::Tensor z = x.size(1) > x.size(2) ? y.mT() : y;
  return z.to(x.scalar_type()).contiguous();
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  if (!one_by_one(a, b)) return at::bmm(a, b);
  std::vector<at::Tensor> each;
  for (int64_t i = 0; i < a.size(0); ++i) each.push_back(at::mm(a[i], b[i]));
  return at::stack(each);
}

at::Tensor product_plus(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, double beta,
                        double alpha) {
  if (!one_by_one(a, b)) return at::baddbmm(c, a, b, beta, alpha);
  std::vector<at::Tensor> each;
  for (int64_t i = 0; i < a.size(0); ++i) each.push_back(at::addmm(c[i], a[i], b[i], beta, alpha));
  return at::stack(each);
}

at::ScalarType at_least_float32(at::ScalarType dtype) {
  return is_reduced(dtype) ? at::kFloat : dtype;
}

std::string described(const std::optional<at::ScalarType>& dtype, bool half_width) {
  if (dtype) return dtype_name(*dtype);
  return half_width ? "input" : "input, float32 at least";
}

}  // namespace steepest
