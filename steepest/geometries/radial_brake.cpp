// SPDX-License-Identifier: Apache-2.0
// The radial brake: of what a step adds to a matrix's Frobenius norm it keeps a part,
//   W <- W' (|W|_F + keep (|W'|_F - |W|_F)) / |W'|_F     where |W'|_F > |W|_F,   W' = W - c s.
// A step that shortens W stays as it is: only growth is braked.
#include <ATen/ATen.h>

#include "steepest/base/tensor.h"
#include "steepest/geometry.h"

namespace steepest::geometries {
namespace {

class RadialBrake : public Geometry {
 public:
  // Reads the spec's argument keep, the part of the growth that remains, 0.5 unless given.
  explicit RadialBrake(const Spec& spec)
      : name_(print_spec(spec)), keep_(argument(spec, "keep", 0.5, 0, 1)) {}

  // Scales those matrices of w [B, r, c], in place, that are longer than in before [B, r, c].
  void retract(const at::Tensor& w, const at::Tensor& before,
               const GeometryContext&) const override {
    const auto size = frobenius_norm(w), old = frobenius_norm(before);
    const auto wanted = old + (size - old) * keep_;
    w.mul_(per_matrix(at::where(size > old, safe_divide(wanted, size), 1), w));
  }
  // Returns the geometry's text, from which make_geometry() makes it again.
  std::string name() const override { return name_; }

 private:
  std::string name_;
  double keep_;
};

}  // namespace

// Returns the catalog's entry of "radial_brake", with the argument keep.
GeometryEntry radial_brake() {
  return {
      .name = "radial_brake",
      .summary = "of what a step adds to a matrix's norm a part is kept",
      .arguments = {"keep"},
      .examples = {"radial_brake", "radial_brake(keep=0)"},
      .make = [](const Spec& spec) -> GeometryPtr { return std::make_shared<RadialBrake>(spec); }};
}

}  // namespace steepest::geometries
