// SPDX-License-Identifier: Apache-2.0
// Error feedback (Dion, arXiv 2504.05295): a low-rank step takes away from the momentum what it has
// used,
//   m <- m + take g,     s = U V^T of m,     after the step:  m <- m - (1 - b) P_k m
// where P_k m = m V V^T is the part of m in its k leading triplets, or P P^T m where a norm names
// the left vectors that it has used. That part fades as under momentum, the rest waits for its
// turn.
#include <ATen/ATen.h>

#include <limits>

#include "steepest/base/tensor.h"
#include "steepest/transforms/transform.h"

namespace steepest::transforms {
namespace {

// Returns the part m V V^T [B, r, c] of m [B, r, c] in the span of the orthonormal v [B, c, k], in
// float32 at least; with `left` the part P P^T m in that of p [B, r, k]. Where the sums of products
// could leave the range, m is divided by a power of two before, and the part multiplied by it.
at::Tensor used_part(const at::Tensor& m, const at::Tensor& basis, bool left) {
  constexpr double kMax = 0x1p60;  // sums of numbers below it are in range
  const auto wide = at_least_float32(m);
  const auto span = basis.to(wide.scalar_type());
  const auto projected = [&](const at::Tensor& x) {
    return left ? at::bmm(span, at::bmm(span.mT(), x)) : at::bmm(at::bmm(x, span), span.mT());
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
  // Takes what the step has used from the momentum m [B, r, c], in place, once the direction U V^T
  // has had its last use: m <- m - forget m V V^T, with forget and V from the context
  // (context.right, [B, c, k]), or P P^T m (context.used, [B, r, k]).
  void finish(const at::Tensor&, const TransformContext& context) const override {
    const auto& m = context.momentum;
    const bool left = context.used.defined();
    const auto part = used_part(m, left ? context.used : context.right, left);
    m.sub_(part.to(m.scalar_type()), context.forget);
  }
  // Returns true: the direction stays as it is, so that the optimizer calls finish() alone, not
  // observe() and apply().
  bool keeps_direction() const override { return true; }
  // Returns true, so that the context of finish() has the momentum, which it changes.
  bool uses_momentum() const override { return true; }
  // Returns `entry`, the bound on the entries of the direction that comes in: it stays as it is.
  double largest_entry(double entry, double, int64_t, int64_t) const override { return entry; }
  // Returns the transform's name, by which it is shown.
  std::string name() const override { return "error_feedback"; }
};

}  // namespace

// Makes the transform of error feedback for low-rank steps (Dion): it changes the momentum alone,
// once the step's direction has had its last use.
TransformPtr error_feedback() { return std::make_shared<ErrorFeedback>(); }

}  // namespace steepest::transforms
