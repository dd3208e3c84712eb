// SPDX-License-Identifier: Apache-2.0
// The form and the dtype of an iteration, chosen for each batch by what costs least. The iteration,
// its steps and its bound stay the same; the rounding does not.
//   form   Gram where a matrix is long and its products are in float32: the long side is touched
//          2 + 2 restarts times instead of twice a step. Never in half precision, which it loses.
//   dtype  half precision only where the device multiplies it faster: on CUDA, and on a CPU with
//          AMX from 256 rows on (below, float32 wins: 3 times at 128). An explicit dtype is kept.
#include <ATen/ATen.h>
#include <ATen/cpu/Utils.h>

#include <cstdlib>
#include <string_view>

#include "steepest/polar/frame.h"
#include "steepest/polar/solvers.h"

namespace steepest {
namespace {

constexpr double kLong = 1.5;             // columns to rows, from which the Gram form pays
constexpr int64_t kLeastHalfWidth = 256;  // rows, from which AMX pays

// What oneDNN may use: the processor's word, unless the environment forbids it.
bool has_amx() {
  static const bool found = [] {
    const char* limit = std::getenv("ONEDNN_MAX_CPU_ISA");
    const std::string_view isa = limit == nullptr ? "ALL" : limit;
    const bool allowed = isa.find("AMX") != isa.npos || isa == "ALL" || isa == "DEFAULT";
    return allowed && at::cpu::init_amx();
  }();
  return found;
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

  at::Tensor polar(const at::Tensor& x) const override {
    check_batch(x);
    const auto own = half_width_ ? x.scalar_type() : at_least_float32(x.scalar_type());
    const double rows = static_cast<double>(std::min(x.size(1), x.size(2)));
    const double columns = static_cast<double>(std::max(x.size(1), x.size(2)));
    const bool gram = dtype_.value_or(own) == at::kFloat && columns >= kLong * rows;
    return (gram ? gram_ : standard_)->polar(x);
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
    own.dtype = at::kBFloat16;
    if (half_width_) half_ = std::make_unique<ByShape>(schedule, own);
  }

  at::Tensor polar(const at::Tensor& x) const override {
    check_batch(x);
    if (dtype_) return float_->polar(x);
    if (x.scalar_type() == at::kDouble) return double_->polar(x);
    return (half_pays(x) ? half_ : float_)->polar(x);
  }
  double bound(double l) const override { return float_->bound(l); }
  std::string describe() const override {
    return c10::str("fast_", name_, "(steps=", steps_,
                    ", dtype=", dtype_ ? dtype_name(*dtype_) : "chosen", ")");
  }

 private:
  bool half_pays(const at::Tensor& x) const {
    const int64_t rows = std::min(x.size(1), x.size(2));
    return half_width_ && (x.is_cuda() || (x.is_cpu() && rows >= kLeastHalfWidth && has_amx()));
  }

  std::string name_;
  int64_t steps_;
  bool half_width_;
  std::optional<at::ScalarType> dtype_;
  std::unique_ptr<PolarSolver> float_, double_, half_;
};

}  // namespace

std::unique_ptr<PolarSolver> by_shape_solver(const Schedule& schedule,
                                             const PolarOptions& options) {
  return std::make_unique<ByShape>(schedule, options);
}

std::unique_ptr<PolarSolver> fast_solver(const Schedule& schedule, const PolarOptions& options) {
  return std::make_unique<Fast>(schedule, options);
}

}  // namespace steepest
