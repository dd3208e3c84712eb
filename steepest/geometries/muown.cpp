// SPDX-License-Identifier: Apache-2.0
// Muown (arXiv 2605.10797): every row of a matrix is a length g and a direction,
//   W_i = g_i v_i / |v_i|,
// v takes Muon's steps and g Adam's, each along its own part of the gradient G of W. With the unit
// rows u_i = W_i / g_i these are
//   dg_i = <G_i, u_i>,     dv_i = (g_i / |v_i|) (G_i - dg_i u_i).
// |v_i| grows by itself, as dv is orthogonal to v: the angle of a step decays without a schedule.
// v is not stored: it is u |v|. The decay is that of g, and coupled to the gradient it would be
// lost in dv; so it must be decoupled.
//
// A row of zeros has no direction: it takes its first step as W does in Muon, and g and |v| begin
// with the length that it then has (the authors' code begins with 1e-12, which float16 lacks).
#include <ATen/ATen.h>

#include <cmath>

#include "steepest/base/tensor.h"
#include "steepest/geometry.h"

namespace steepest::geometries {
namespace {

// Returns the Euclidean norm of each row of w [B, r, c], as [B, r] in w's dtype.
at::Tensor row_norms(const at::Tensor& w) { return at::linalg_vector_norm(w, 2, {2}); }

// Returns x [B, r], one number for each row, as [B, r, 1] in w's dtype.
at::Tensor per_row(const at::Tensor& x, const at::Tensor& w) {
  return x.to(w.scalar_type()).unsqueeze(2);
}

class Muown : public Geometry {
 public:
  // Reads the spec's arguments: lr, by which the group's rate is multiplied for g; beta1, beta2 and
  // eps of g's Adam. Throws c10::ValueError where one is out of range.
  explicit Muown(const Spec& spec)
      : name_(print_spec(spec)),
        lr_(argument(spec, "lr", 1, 0, 1e6)),
        beta1_(argument(spec, "beta1", 0.9, 0, 1 - 1e-12)),
        beta2_(argument(spec, "beta2", 0.95, 0, 1 - 1e-12)),
        eps_(argument(spec, "eps", 1e-8, 1e-300, 1)) {}

  // Asks for four numbers for each row: g, |v|, and the two moments of g's Adam.
  std::vector<Slot> slots(int64_t, int64_t) const override {
    return {{"row_length", Slot::Shape::rows},
            {"row_direction", Slot::Shape::rows},
            {"row_exp_avg", Slot::Shape::rows},
            {"row_exp_avg_sq", Slot::Shape::rows}};
  }
  // Lets g and |v| of rows that have no direction yet begin with the lengths in w [B, r, c], and
  // takes dg of the gradients g [B, r, c] into Adam's moments.
  void observe(const at::Tensor& g, const at::Tensor& w,
               const GeometryContext& context) const override {
    const auto& [length, direction, mean, square] = slots_of(context);
    const auto wide = at_least_float32(w);
    const auto unknown = direction == 0;
    const auto size = row_norms(wide).to(length.scalar_type());
    length.copy_(at::where(unknown, size, length));
    direction.copy_(at::where(unknown, size, direction));
    const auto part = (at_least_float32(g) * unit_rows(wide, length)).sum(2).to(mean.scalar_type());
    mean.lerp_(part, 1 - beta1_);
    square.lerp_(part.square().to(square.scalar_type()), 1 - beta2_);
  }
  // Returns dv [B, r, c], in the dtype of the gradients g; of a row without a direction g itself.
  at::Tensor tangent(const at::Tensor& g, const at::Tensor& w,
                     const GeometryContext& context) const override {
    const auto& [length, direction, mean, square] = slots_of(context);
    const auto wide = at_least_float32(g);
    const auto unit = unit_rows(at_least_float32(w), length);
    const auto ratio = at::where(direction == 0, 1, length / direction);
    const auto part = (wide * unit).sum(2, /*keepdim=*/true);
    return ((wide - unit * part) * per_row(ratio, wide)).to(g.scalar_type());
  }
  // Sets w [B, r, c], in place, to the rows g v / |v|, where v has made the step w - before and g
  // Adam's and its decay; g and |v| are kept in their slots.
  void retract(const at::Tensor& w, const at::Tensor& before,
               const GeometryContext& context) const override {
    const auto& [length, direction, mean, square] = slots_of(context);
    const auto old = at_least_float32(before);
    const auto v = unit_rows(old, length) * per_row(direction, old) + (at_least_float32(w) - old);
    const auto size = row_norms(v);
    const double t = static_cast<double>(context.step);
    const auto root = (square / (1 - std::pow(beta2_, t))).sqrt().add_(eps_);
    const auto step = mean / (1 - std::pow(beta1_, t)) / root;
    const auto moved = (length - step * (context.lr * lr_)) * (1 - context.decay);
    length.copy_(at::where(length == 0, size.to(length.scalar_type()), moved));
    direction.copy_(size);
    w.copy_(safe_divide(v, size.unsqueeze(2)) * per_row(length, v));
  }
  // Returns true: the decay is that of g.
  bool owns_decay() const override { return true; }
  // Returns the geometry's text, from which make_geometry() makes it again.
  std::string name() const override { return name_; }

 private:
  // The slots by their names, each [B, r].
  struct Rows {
    const at::Tensor &length, &direction, &mean, &square;
  };
  static Rows slots_of(const GeometryContext& context) {
    const auto& s = context.slots;
    return {s[0], s[1], s[2], s[3]};
  }
  // Returns the rows of w [B, r, c] over their g [B, r], zero where g is.
  static at::Tensor unit_rows(const at::Tensor& w, const at::Tensor& length) {
    return safe_divide(w, per_row(length, w));
  }

  std::string name_;
  double lr_, beta1_, beta2_, eps_;
};

}  // namespace

// Returns the catalog's entry of "muown", with the arguments lr, beta1, beta2 and eps.
GeometryEntry muown() {
  return {.name = "muown",
          .summary = "rows as lengths, which take Adam's steps, and directions (Muown)",
          .arguments = {"lr", "beta1", "beta2", "eps"},
          .examples = {"muown", "muown(lr=0.5,beta1=0.8)"},
          .make = [](const Spec& spec) -> GeometryPtr { return std::make_shared<Muown>(spec); }};
}

}  // namespace steepest::geometries
