// SPDX-License-Identifier: Apache-2.0
#include "steepest/transforms/to_weight.h"

#include <ATen/ATen.h>

#include <limits>

#include "steepest/base/tensor.h"

namespace steepest::transforms {
namespace {

class ToWeight : public Transform {
 public:
  // Takes the arguments of to_weight().
  ToWeight(const Spec& spec, double ratio, bool only_lifts)
      : name_(print_spec(spec)),
        ratio_(argument(spec, "ratio", ratio, 0, 1e6)),
        rows_(word_argument(spec, "axis", {"matrix", "rows"}) == "rows"),
        only_lifts_(only_lifts) {}

  // Returns s' [B, r, c] in s's dtype.
  at::Tensor apply(const at::Tensor& s, const TransformContext& context) const override {
    const auto wide = at_least_float32(s);
    const auto weight = lengths(context.weight);
    auto factor = safe_divide(weight * ratio_, lengths(wide));
    if (only_lifts_) factor.clamp_min_(1);
    factor = at::where(weight == 0, 1, factor).to(wide.scalar_type());
    return (wide * factor).to(s.scalar_type());
  }
  // Says that context.weight has to be set.
  bool uses_weight() const override { return true; }
  // Returns infinity: the weights, of which nothing is known, say how large s' becomes.
  double largest_entry(double, double, int64_t, int64_t) const override {
    return std::numeric_limits<double>::infinity();
  }
  // Returns the transform's name, by which it is shown: the spec it was made from.
  std::string name() const override { return name_; }

 private:
  // Returns the lengths of the rows of x [B, r, c], [B, r, 1], or the Frobenius norms of its
  // matrices, [B, 1, 1], in float64.
  at::Tensor lengths(const at::Tensor& x) const {
    return rows_ ? at::linalg_vector_norm(x, 2, 2, /*keepdim=*/true, at::kDouble)
                 : frobenius_norm(x).view({-1, 1, 1});
  }

  std::string name_;
  double ratio_;
  bool rows_, only_lifts_;
};

}  // namespace

TransformPtr to_weight(const Spec& spec, double ratio, bool only_lifts) {
  return std::make_shared<ToWeight>(spec, ratio, only_lifts);
}

}  // namespace steepest::transforms
