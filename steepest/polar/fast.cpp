// SPDX-License-Identifier: Apache-2.0
// The form and the dtype of an iteration, chosen for each batch by what costs least. The iteration,
// its steps and its bound stay the same; the rounding does not.
// Form: the Gram form where a matrix is long and its iterates are in float32, as it touches the
// long side 2 + 2 restarts times instead of twice a step. Half precision never takes it, as it
// would lose too much. Dtype: half precision only where the device multiplies it faster. That is
// throughout on CUDA; on a CPU with AMX, AVX-512 FP16 or BF16 it is for the operands of each
// product, of matrices of some size, while the iterates stay in float32. An explicit dtype is kept.
#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "steepest/base/dtype.h"
#include "steepest/kernels/kernels.h"
#include "steepest/polar/joint.h"
#include "steepest/polar/normalize.h"
#include "steepest/polar/solvers.h"

namespace steepest::polar {
namespace {

// The fewest rows for which a device may find that products of 16-bit operands pay; and how many
// times they are doubled for an iteration of its own.
constexpr uint64_t kMinHalfRows = 32;
constexpr int kDoublings = 6;

// Whether the longer side of the matrices x [B, r, c] is at least kGramAspect times the shorter
// one, so that the Gram form pays.
bool is_long(const at::Tensor& x) {
  const int64_t least = std::min(x.size(1), x.size(2)), most = std::max(x.size(1), x.size(2));
  return static_cast<double>(most) >= kGramAspect * static_cast<double>(least);
}

// Newton-Schulz in the form that costs less for the shape; the dtype is the caller's, or the
// input's.
class ByShape final : public PolarSolver, public JointSolver {
 public:
  // Makes the solvers of both forms, with the options' steps, dtype and restarts; that of the Gram
  // form in float32 whatever the dtype, as polar() takes it there only.
  ByShape(const Schedule& schedule, const PolarOptions& options)
      : half_width_(schedule.half_width),
        dtype_(options.dtype),
        standard_(newton_schulz_solver(schedule, options)) {
    const int64_t steps = options.steps.value_or(schedule.steps);
    iteration_ = {schedule.first(steps), schedule.safety, /*gram=*/true,
                  options.restarts.value_or(gram_restarts(schedule, steps))};
    PolarOptions in_float = options;
    in_float.dtype = at::kFloat;
    gram_ = gram_solver(schedule, in_float);
  }

  // Returns the polar factors of x [B, r, c] in x's dtype: in Gram form where the matrices are long
  // and the iterates in float32, else in the standard one.
  at::Tensor polar(const Batch& x) const override {
    check_batch(x.matrices);
    const bool gram = dtype_for(x.matrices) == at::kFloat && is_long(x.matrices);
    return (gram ? gram_ : standard_)->polar(x);
  }
  // Returns the iteration in the dtype of polar(), unless the device has kernels of its own, or no
  // float64 for the norms.
  std::optional<JointIteration> joint_iteration(const at::Tensor& x) const override {
    if (kernels_of(x).iterate != nullptr || !has_float64(x)) return {};
    return JointIteration{iteration_, dtype_for(x)};
  }
  // Returns max |1 - sigma'| over the singular values sigma in [l, 1], which become sigma'; it is
  // the same in both forms.
  double bound(double l) const override { return standard_->bound(l); }
  // Returns what runs, for a person to read: "jordan(steps=5, dtype=float32)". The form is left
  // out, as the shape decides.
  std::string describe() const override { return standard_->describe(); }

 private:
  // Returns the dtype in which matrices x are computed.
  at::ScalarType dtype_for(const at::Tensor& x) const {
    const auto own = half_width_ ? x.scalar_type() : at_least_float32(x.scalar_type());
    return dtype_.value_or(own);
  }

  bool half_width_;
  std::optional<at::ScalarType> dtype_;
  PolynomialIteration iteration_;
  std::unique_ptr<PolarSolver> standard_, gram_;
};

// A method "fast_..": the form follows from the shape, and the dtype from the device and the size.
class Fast final : public PolarSolver, public JointSolver {
 public:
  // Makes a solver for each dtype that polar() may choose: float32 (or the options' dtype), float64
  // and, for a schedule that bears its rounding, bfloat16 and 16-bit operands.
  Fast(const Schedule& schedule, const PolarOptions& options)
      : name_(schedule.name),
        steps_(options.steps.value_or(schedule.steps)),
        half_width_(schedule.half_width),
        dtype_(options.dtype) {
    PolarOptions own = options;
    own.dtype = dtype_.value_or(at::kFloat);
    float_ = std::make_unique<ByShape>(schedule, own);
    own.dtype = at::kDouble;
    double_ = std::make_unique<ByShape>(schedule, own);
    if (!half_width_) return;
    own.dtype = at::kBFloat16;
    half_ = std::make_unique<ByShape>(schedule, own);
    of_half_operands_ = half_iteration(schedule, steps_, kMinHalfRows, false);
    for (int i = 0; i <= kDoublings; ++i)
      of_half_operands_long_.push_back(half_iteration(schedule, steps_, kMinHalfRows << i, true));
  }

  // Returns the polar factors of x [B, r, c] in x's dtype, computed in the dtype that was asked
  // for. Unset, float64 stays float64; anything else takes operands of 16 bits where the schedule
  // bears their rounding and the device has a kernel for them or multiplies bfloat16 faster, and
  // float32 elsewhere.
  at::Tensor polar(const Batch& x) const override {
    const at::Tensor& m = x.matrices;
    check_batch(m);
    if (dtype_) return float_->polar(x);
    if (m.scalar_type() == at::kDouble) return double_->polar(x);
    if (!half_width_) return float_->polar(x);
    const Kernels& kernels = kernels_of(m);
    const auto y = try_kernel(kernels.iterate, m, of_half_operands(m), x.owned);
    if (y.defined()) return y;
    return (kernels.fast_dtype == at::kBFloat16 ? half_ : float_)->polar(x);
  }
  // Returns the iteration in the dtype of polar(), unless the device has kernels of its own.
  std::optional<JointIteration> joint_iteration(const at::Tensor& x) const override {
    if (dtype_) return float_->joint_iteration(x);
    if (x.scalar_type() == at::kDouble) return double_->joint_iteration(x);
    const bool half = half_width_ && kernels_of(x).fast_dtype == at::kBFloat16;
    return (half ? half_ : float_)->joint_iteration(x);
  }
  // Returns max |1 - sigma'| over the singular values sigma in [l, 1], which become sigma': the
  // schedule's, without rounding, and so the same in every dtype.
  double bound(double l) const override { return float_->bound(l); }
  // Returns what runs, for a person to read: "fast_jordan(steps=5, dtype=chosen)".
  std::string describe() const override {
    return c10::str("fast_", name_, "(steps=", steps_,
                    ", dtype=", dtype_ ? dtype_name(*dtype_) : "chosen", ")");
  }

 private:
  // Returns the iteration by operands of 16 bits that the shape of x [B, r, c] takes.
  const PolynomialIteration& of_half_operands(const at::Tensor& x) const {
    if (!is_long(x)) return of_half_operands_;
    const auto rows = static_cast<uint64_t>(std::min(x.size(1), x.size(2)));
    const int doublings = static_cast<int>(std::bit_width(rows / kMinHalfRows)) - 1;
    return of_half_operands_long_[std::clamp(doublings, 0, kDoublings)];
  }

  std::string name_;
  int64_t steps_;
  bool half_width_;
  std::optional<at::ScalarType> dtype_;
  std::unique_ptr<ByShape> float_, double_, half_;
  PolynomialIteration of_half_operands_;
  std::vector<PolynomialIteration> of_half_operands_long_;  // from 32, 64, 128, .. rows on
};

}  // namespace

// Returns the first `steps` steps of the schedule with operands rounded to 16 bits, for a device
// that has a kernel for it. Long matrices take the Gram form where its restarts, which this
// rounding makes frequent, leave about two steps or more between them, as gathering a single one
// saves nothing. The first norm, |R|_F / sqrt(rows), is at most 1 / sqrt(rows): see gram.cpp.
PolynomialIteration half_iteration(const Schedule& schedule, int64_t steps, int64_t rows,
                                   bool is_long) {
  PolynomialIteration it{
      .steps = schedule.first(steps), .safety = schedule.safety, .half_operands = true};
  if (!is_long) return it;  // the standard form, which has no restarts
  const double first_norm = 1 / std::sqrt(static_cast<double>(rows));
  it.restarts = gram_restarts(schedule, steps, kMaxHalfErrorGrowth, first_norm);
  it.gram = 2 * (std::ssize(it.restarts) + 1) <= steps + 1;
  return it;
}

// Makes the solver that runs the schedule's Newton-Schulz iteration in the standard form or the
// Gram form, whichever costs less for a batch's shape, with the steps, dtype and restarts of the
// options.
std::unique_ptr<PolarSolver> by_shape_solver(const Schedule& schedule,
                                             const PolarOptions& options) {
  return std::make_unique<ByShape>(schedule, options);
}

// Makes the solver that runs the schedule's Newton-Schulz iteration in the form and, unless the
// options set one, the dtype that cost least on the device of each batch.
std::unique_ptr<PolarSolver> fast_solver(const Schedule& schedule, const PolarOptions& options) {
  return std::make_unique<Fast>(schedule, options);
}

}  // namespace steepest::polar
