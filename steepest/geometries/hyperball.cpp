// SPDX-License-Identifier: Apache-2.0
// Hyperball (MuonH, AdamH; whitepaper of the Marin project): every matrix keeps the Frobenius norm
// R that it has at its first step,
//   W <- R (W - lr R s / |s|_F) / |W - lr R s / |s|_F|_F,
// where the rescale "relative" gives s its length, R |s'| = R; decay would change nothing but the
// rate. A matrix of zeros has no radius: it moves freely until it is something else, and its radius
// is that of its first step that begins elsewhere than in zero.
//
// Momo's model is linear along W - t s, the step goes along the sphere. Of a matrix behind a
// normalization the loss does not change with |W|_F: <g, W> = 0, and to first order both are one.
#include <ATen/ATen.h>

#include "steepest/base/tensor.h"
#include "steepest/geometry.h"

namespace steepest::geometries {
namespace {

class Hyperball : public Geometry {
 public:
  // Asks for one number for each matrix: its radius, 0 until it is known.
  std::vector<Slot> slots(int64_t, int64_t) const override {
    return {{"radius", Slot::Shape::scalar}};
  }
  // Scales w [B, r, c], in place, to the norm that each matrix has had at its first step, which the
  // slot [B] remembers; before [B, r, c] is w as it was.
  void retract(const at::Tensor& w, const at::Tensor& before,
               const GeometryContext& context) const override {
    const auto& radius = context.slots[0];
    radius.copy_(at::where(radius == 0, frobenius_norm(before).to(radius.scalar_type()), radius));
    const auto size = frobenius_norm(w);
    const auto wanted = radius.to(at::kDouble);
    const auto factor = at::where(wanted == 0, 1, safe_divide(wanted, size));
    w.mul_(per_matrix(factor, w));
  }
  // Returns true: the loss of a normalized layer is the same along both ways, to first order.
  bool allows_momo() const override { return true; }
  // Returns the geometry's name, by which it is shown.
  std::string name() const override { return "hyperball"; }
};

}  // namespace

// Returns the catalog's entry of "hyperball", which takes no arguments.
GeometryEntry hyperball() {
  return {.name = "hyperball",
          .summary = "every matrix keeps the Frobenius norm of its first step (MuonH)",
          .arguments = {},
          .examples = {"hyperball"},
          .make = [](const Spec&) -> GeometryPtr { return std::make_shared<Hyperball>(); }};
}

}  // namespace steepest::geometries
