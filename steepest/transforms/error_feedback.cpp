// SPDX-License-Identifier: Apache-2.0
// Error feedback (Dion, arXiv 2504.05295): a low-rank step takes away from the momentum what it has
// used,
//   m <- m + take g,     s = U V^T of m,     after the step:  m <- m - (1 - b) P_k m
// where P_k m = m V V^T is the part of m in its k leading triplets. That part fades as under
// momentum, the rest waits for its turn.
#include <ATen/ATen.h>

#include <limits>

#include "steepest/base/tensor.h"
#include "steepest/transforms/transform.h"

namespace steepest::transforms {
namespace {

// m V V^T of m [B, r, c] and V [B, c, k], in float32 at least; at m's own scale where its sums
// would leave the range.
at::Tensor used_part(const at::Tensor& m, const at::Tensor& v) {
  constexpr double kMax = 0x1p60;  // sums of numbers below it are in range
  const auto wide = widened(m);
  const auto right = v.to(wide.scalar_type());
  const auto projected = [&](const at::Tensor& x) {
    return at::bmm(at::bmm(x, right), right.mT());
  };
  if (kernels_of(wide).host_reads && !(largest_magnitudes({wide})[0] > kMax))
    return projected(wide);
  const auto size =
      at::linalg_vector_norm(wide, std::numeric_limits<double>::infinity(), {1, 2}).to(at::kDouble);
  const auto power = per_matrix(power_of_two(size), wide);
  return projected(wide / power) * power;
}

class ErrorFeedback : public Transform {
 public:
  void finish(const at::Tensor&, const TransformContext& context) const override {
    const auto& m = context.momentum;
    m.sub_(used_part(m, context.right).to(m.scalar_type()), context.forget);
  }
  bool keeps_direction() const override { return true; }
  bool uses_momentum() const override { return true; }
  // The direction stays as it is.
  double largest_entry(double entry, double, int64_t, int64_t) const override { return entry; }
  std::string name() const override { return "error_feedback"; }
};

}  // namespace

TransformPtr error_feedback() { return std::make_shared<ErrorFeedback>(); }

}  // namespace steepest::transforms
