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

// The part m V V^T [B, r, c] of m [B, r, c] in the span of the orthonormal v [B, c, k], in float32
// at least. Where the sums of products could leave the range, m is divided by a power of two
// before, and the part multiplied by it.
at::Tensor used_part(const at::Tensor& m, const at::Tensor& v) {
  constexpr double kMax = 0x1p60;  // sums of numbers below it are in range
  const auto wide = at_least_float32(m);
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
  // Takes what the step has used from the momentum m [B, r, c], in place: m <- m - forget m V V^T,
  // where V, context.right, is the right factor of the direction.
  void finish(const at::Tensor&, const TransformContext& context) const override {
    const auto& m = context.momentum;
    m.sub_(used_part(m, context.right).to(m.scalar_type()), context.forget);
  }
  // True: the direction stays as it is, so that of this transform only finish() is called.
  bool keeps_direction() const override { return true; }
  // True: finish() needs the momentum in its context, from which it takes what was used.
  bool uses_momentum() const override { return true; }
  // The direction stays as it is, and with it the bound on its entries.
  double largest_entry(double entry, double, int64_t, int64_t) const override { return entry; }
  // The transform's name, by which it is shown.
  std::string name() const override { return "error_feedback"; }
};

}  // namespace

// Error feedback for low-rank steps (Dion), which applies after the step to the momentum alone.
TransformPtr error_feedback() { return std::make_shared<ErrorFeedback>(); }

}  // namespace steepest::transforms
