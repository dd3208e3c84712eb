// SPDX-License-Identifier: Apache-2.0
// NorMuon (arXiv 2510.05491): every row of a direction, an output neuron's, is divided by the root
// of the mean square that its entries have had so far,
//   v_i <- beta2 v_i + (1 - beta2) mean_j s_ij^2,     s^_ij = s_ij / (sqrt(v_i) + eps),
//   s' = s^ |s|_F / |s^|_F        keeps the norm, so that a learning rate carries over from Muon;
//   s' = s^ rms sqrt(r c) / |s^|_F   with rms = 0.2 is the paper's equation.
// The bias of v cancels in the last line. Rows that have been zero so far stay zero.
#include <ATen/ATen.h>

#include <cmath>

#include "steepest/base/tensor.h"
#include "steepest/transforms/transform.h"

namespace steepest::transforms {
namespace {

class NorMuon : public Transform {
 public:
  // Reads the spec's arguments: beta2, the decay of the mean squares; eps, added to their roots;
  // rms, the root mean square of an entry of s', or 0, which keeps the norm of s. Throws
  // c10::ValueError where one is out of range.
  explicit NorMuon(const Spec& spec)
      : name_(print_spec(spec)),
        beta2_(argument(spec, "beta2", 0.95, 0, 1)),
        eps_(argument(spec, "eps", 1e-10, 1e-300, 1)),
        rms_(argument(spec, "rms", 0, 0, 1e6)) {}

  // Returns the state that is kept for each matrix, one slot: v [r], the running mean square of
  // each row's entries, which begins with zeros.
  std::vector<Slot> slots(int64_t, int64_t) const override {
    return {{"row_variance", Slot::Shape::rows}};
  }
  // Takes the direction s [B, r, c] into the state once a step: v <- beta2 v + (1 - beta2) mean_j
  // s_ij^2 in the slot [B, r], in place.
  void observe(const at::Tensor& s, const TransformContext& context) const override {
    const auto& v = context.slots[0];
    v.lerp_(s.to(v.scalar_type()).square().mean(2), 1 - beta2_);
  }
  // Returns s' [B, r, c] in s's dtype: the rows of s divided by sqrt(v) + eps, and each matrix
  // scaled to the Frobenius norm that it has in s, or with rms to rms sqrt(r c). A zero s stays
  // zero.
  at::Tensor apply(const at::Tensor& s, const TransformContext& context) const override {
    const auto wide = at_least_float32(s);
    const auto root = context.slots[0].to(at::kDouble).sqrt().add_(eps_).to(wide.scalar_type());
    const auto scaled = wide / root.unsqueeze(2);
    const double entries = static_cast<double>(s.size(1) * s.size(2));
    const auto size = frobenius(scaled);
    const auto wanted =
        rms_ == 0 ? frobenius(wide) : at::full_like(size, rms_ * std::sqrt(entries));
    return (scaled * per_matrix(safe_divide(wanted, size), scaled)).to(s.scalar_type());
  }
  // Returns a bound on an entry of s' [rows, cols], where those of s are at most `entry`: s' has
  // the Frobenius norm of s, at most `entry` sqrt(r c), or rms sqrt(r c), and one entry may have
  // all of it.
  double largest_entry(double entry, double, int64_t rows, int64_t cols) const override {
    const double root = std::sqrt(static_cast<double>(rows * cols));
    return (rms_ == 0 ? entry : rms_) * root;  // all of the norm in one entry
  }
  // Returns the transform's name, by which it is shown: the spec it was made from.
  std::string name() const override { return name_; }

 private:
  std::string name_;
  double beta2_, eps_, rms_;
};

}  // namespace

// Returns the catalog's entry of "normuon", with the arguments beta2, eps and rms.
RescaleEntry normuon() {
  return {.name = "normuon",
          .summary = "rows by the root of their mean square so far (NorMuon)",
          .arguments = {"beta2", "eps", "rms"},
          .examples = {"normuon", "normuon(beta2=0.9,rms=0.2)"},
          .make = [](const Spec& spec) -> TransformPtr { return std::make_shared<NorMuon>(spec); }};
}

}  // namespace steepest::transforms
