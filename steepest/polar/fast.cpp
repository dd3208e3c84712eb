// SPDX-License-Identifier: Apache-2.0
// The form and the dtype of an iteration, chosen for each batch by what costs least. The iteration,
// its steps and its bound stay the same; the rounding does not.
//   form   Gram where a matrix is long and its iterates are in float32: the long side is touched
//          2 + 2 restarts times instead of twice a step. Never in half precision, which it loses.
//   dtype  half precision only where the device multiplies it faster: on CUDA; on a CPU with AMX
//          or AVX-512 FP16 the factors of each product, of matrices of some size, while the
//          iterates stay in float32. An explicit dtype is kept.
#include <ATen/ATen.h>

#include <cmath>

#include "steepest/base/dtype.h"
#include "steepest/kernels/cpu/gemm.h"
#include "steepest/polar/frame.h"
#include "steepest/polar/iteration.h"
#include "steepest/polar/solvers.h"

namespace steepest {
namespace {

constexpr double kLong = 1.5;  // columns to rows, from which the Gram form pays

// Rows, from which the packing of 16-bit factors pays: by AVX-512 FP16, and by AMX.
constexpr int64_t kLeastHalfWidth = 32, kLeastAmxWidth = 128;
int64_t least_width(at::ScalarType factors) {
  return factors == at::kBFloat16 ? kLeastAmxWidth : kLeastHalfWidth;
}

bool is_long(const at::Tensor& x) {
  const int64_t least = std::min(x.size(1), x.size(2)), most = std::max(x.size(1), x.size(2));
  return static_cast<double>(most) >= kLong * static_cast<double>(least);
}

// The form by the shape; the dtype as the caller, or the input, has it.
class ByShape final : public PolarSolver {
 public:
  ByShape(const Schedule& schedule, const PolarOptions& options)
      : half_width_(schedule.half_width),
        dtype_(options.dtype),
        standard_(newton_schulz_solver(schedule, options)) {
    PolarOptions wide = options;
    wide.dtype = at::kFloat;
    gram_ = gram_solver(schedule, wide);
  }

  at::Tensor polar(const at::Tensor& x, bool may_overwrite) const override {
    check_batch(x);
    const auto own = half_width_ ? x.scalar_type() : at_least_float32(x.scalar_type());
    const bool gram = dtype_.value_or(own) == at::kFloat && is_long(x);
    return (gram ? gram_ : standard_)->polar(x, may_overwrite);
  }
  double bound(double l) const override { return standard_->bound(l); }
  std::string describe() const override { return standard_->describe(); }

 private:
  bool half_width_;
  std::optional<at::ScalarType> dtype_;
  std::unique_ptr<PolarSolver> standard_, gram_;
};

// The dtype by the device and the size, too.
class Fast final : public PolarSolver {
 public:
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
    cpu_ = half_iteration(schedule, steps_, factors_, false);
    cpu_long_ = half_iteration(schedule, steps_, factors_, true);
  }

  at::Tensor polar(const at::Tensor& x, bool may_overwrite) const override {
    check_batch(x);
    if (dtype_) return float_->polar(x, may_overwrite);
    if (x.scalar_type() == at::kDouble) return double_->polar(x, may_overwrite);
    if (half_width_ && x.is_cuda()) return half_->polar(x, may_overwrite);
    if (half_pays(x)) return iterated_on_cpu(x, is_long(x) ? cpu_long_ : cpu_, may_overwrite);
    return float_->polar(x, may_overwrite);
  }
  double bound(double l) const override { return float_->bound(l); }
  std::string describe() const override {
    return c10::str("fast_", name_, "(steps=", steps_,
                    ", dtype=", dtype_ ? dtype_name(*dtype_) : "chosen", ")");
  }

 private:
  bool half_pays(const at::Tensor& x) const {
    return half_width_ && x.is_cpu() && factors_ != at::kFloat &&
           std::min(x.size(1), x.size(2)) >= least_width(factors_);
  }

  std::string name_;
  int64_t steps_;
  bool half_width_;
  std::optional<at::ScalarType> dtype_;
  std::unique_ptr<PolarSolver> float_, double_, half_;
  at::ScalarType factors_ = cpu::fast_factors();
  Iteration cpu_, cpu_long_;
};

}  // namespace

// The Gram form only where its restarts leave something to gather.
Iteration half_iteration(const Schedule& schedule, int64_t steps, at::ScalarType factors,
                         bool is_long) {
  Iteration it{.steps = schedule.first(steps), .safety = schedule.safety, .factors = factors};
  const double first = 1 / std::sqrt(kLeastHalfWidth);
  it.restarts = gram_restarts(schedule, steps, kLargestHalfGrowth, first);
  it.gram = is_long && 2 * (std::ssize(it.restarts) + 1) <= steps + 1;
  return it;
}

std::unique_ptr<PolarSolver> by_shape_solver(const Schedule& schedule,
                                             const PolarOptions& options) {
  return std::make_unique<ByShape>(schedule, options);
}

std::unique_ptr<PolarSolver> fast_solver(const Schedule& schedule, const PolarOptions& options) {
  return std::make_unique<Fast>(schedule, options);
}

}  // namespace steepest
