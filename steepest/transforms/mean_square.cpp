// SPDX-License-Identifier: Apache-2.0
#include "steepest/transforms/mean_square.h"

#include <ATen/ATen.h>

#include <cmath>

#include "steepest/base/tensor.h"

namespace steepest::transforms {
namespace {

class MeanSquare : public Transform {
 public:
  // Takes the arguments of mean_square().
  MeanSquare(const Spec& spec, Mean mean, double eps)
      : name_(print_spec(spec)),
        mean_(mean),
        beta2_(argument(spec, "beta2", 0.95, 0, 1)),
        eps_(argument(spec, "eps", eps, 1e-300, 1)),
        rms_(argument(spec, "rms", 0, 0, 1e6)) {}

  // Returns the state that is kept for each matrix, one slot: v [r], [c] or [r, c], the running
  // mean squares, which begin with zeros.
  std::vector<Slot> slots(int64_t rows, int64_t cols) const override {
    if (mean_ == Mean::entry) return {{"entry_variance"}};
    if (of_rows(rows, cols)) return {{"row_variance", Slot::Shape::rows}};
    return {{"column_variance", Slot::Shape::columns}};
  }
  // Takes the direction s [B, r, c] into the state once a step: v <- beta2 v + (1 - beta2) mean s^2
  // in the slot, in place.
  void observe(const at::Tensor& s, const TransformContext& context) const override {
    const auto& v = context.slots[0];
    const auto squares = s.to(v.scalar_type()).square();
    v.lerp_(mean_ == Mean::entry ? squares : squares.mean(dim(s)), 1 - beta2_);
  }
  // Returns s' [B, r, c] in s's dtype: s divided by sqrt(v) + eps, and each matrix scaled to the
  // Frobenius norm that it has in s, or with rms to rms sqrt(r c). A zero s stays zero.
  at::Tensor apply(const at::Tensor& s, const TransformContext& context) const override {
    const auto wide = at_least_float32(s);
    auto root = context.slots[0].to(at::kDouble).sqrt().add_(eps_).to(wide.scalar_type());
    if (mean_ != Mean::entry) root = root.unsqueeze(dim(s));
    return with_size(wide / root, wide, rms_).to(s.scalar_type());
  }
  // Returns a bound on an entry of s' [rows, cols], where those of s are at most `entry`: s' has
  // the Frobenius norm of s, at most `entry` sqrt(r c), or rms sqrt(r c), and one entry may have
  // all of it.
  double largest_entry(double entry, double, int64_t rows, int64_t cols) const override {
    return (rms_ == 0 ? entry : rms_) * std::sqrt(static_cast<double>(rows * cols));
  }
  // Returns the transform's name, by which it is shown: the spec it was made from.
  std::string name() const override { return name_; }

 private:
  // Whether a matrix [rows, cols] has one mean for each row, not for each column.
  bool of_rows(int64_t rows, int64_t cols) const {
    return mean_ == Mean::longer ? rows >= cols : mean_ == Mean::row;
  }
  // Returns the dimension of s [B, r, c] over which the mean goes.
  int64_t dim(const at::Tensor& s) const { return of_rows(s.size(1), s.size(2)) ? 2 : 1; }

  std::string name_;
  Mean mean_;
  double beta2_, eps_, rms_;
};

}  // namespace

TransformPtr mean_square(const Spec& spec, Mean mean, double eps) {
  return std::make_shared<MeanSquare>(spec, mean, eps);
}

at::Tensor with_size(const at::Tensor& scaled, const at::Tensor& s, double rms) {
  const auto size = frobenius_norm(scaled);
  const double entries = static_cast<double>(s.size(1) * s.size(2));
  const auto wanted = rms == 0 ? frobenius_norm(s) : at::full_like(size, rms * std::sqrt(entries));
  return scaled * per_matrix(safe_divide(wanted, size), scaled);
}

}  // namespace steepest::transforms
