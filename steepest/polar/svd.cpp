// SPDX-License-Identifier: Apache-2.0
// U V^T from G = U S V^T: the exact polar factor, and the judge of the other methods. It computes
// in float64 or float32 (half-width input in float32). The sum runs over the singular values above
//   max(r, c) eps s_1,   with the eps of the dtype of the computation,
// the usual numerical rank: directions below it are rounding, and give zero.

#include <ATen/ops/bmm.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <limits>

#include "steepest/base/dtype.h"
#include "steepest/polar/normalize.h"
#include "steepest/polar/solvers.h"

namespace steepest::polar {
namespace {

// Returns the distance from 1 to the next number of the dtype, float32's for any but float64.
double epsilon(at::ScalarType dtype) {
  return dtype == at::kDouble ? std::numeric_limits<double>::epsilon()
                              : std::numeric_limits<float>::epsilon();
}

class Svd final : public PolarSolver {
 public:
  // Takes only the dtype of the options; where it is unset, the input's, float32 at least.
  explicit Svd(const PolarOptions& options) : dtype_(options.dtype) {}

  // Returns the polar factors U V^T of the batch [B, r, c] in its dtype, over the singular values
  // above max(r, c) eps s_1; the directions of smaller ones are rounding, and give zero. A matrix
  // with a NaN or an infinity gives NaNs.
  at::Tensor polar(const Batch& batch) const override {
    const at::Tensor& g = batch.matrices;
    check_batch(g);
    if (g.numel() == 0) return at::empty_like(g, at::MemoryFormat::Contiguous);
    const at::ScalarType dtype = dtype_.value_or(at_least_float32(g.scalar_type()));
    constexpr int64_t kLongSide = 1 << 16;  // beyond it LAPACK's float32 sums lose digits
    const bool is_long = std::max(g.size(1), g.size(2)) > kLongSide;
    const at::Tensor x =
        wide_view(scaled_by_power_of_two(g).to(dtype)).to(is_long ? at::kDouble : dtype);
    // LAPACK refuses a NaN or an infinity: such a matrix is replaced by zeros, and its result by
    // NaNs.
    const at::Tensor finite = at::isfinite(x).flatten(1).all(1).view({-1, 1, 1});
    const auto [u, s, vh] =
        at::linalg_svd(at::where(finite, x, at::zeros_like(x)), /*full_matrices=*/false);
    const double cut = std::max(g.size(1), g.size(2)) * epsilon(dtype);
    const at::Tensor kept = s.gt(s.narrow(1, 0, 1).mul(cut)).to(x.scalar_type());
    const at::Tensor polar = at::bmm(u.mul(kept.unsqueeze(1)), vh);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return to_layout_of(g, at::where(finite, polar, at::full_like(polar, nan)));
  }

  // Returns 0, the bound on |1 - sigma'| for a result's singular values sigma': the factor is exact
  // but for rounding.
  double bound(double) const override { return 0; }

  // Returns what runs, for a person to read: "svd(dtype=float64)".
  std::string describe() const override {
    return c10::str("svd(dtype=", described(dtype_, false), ")");
  }

 private:
  std::optional<at::ScalarType> dtype_;
};

}  // namespace

// Makes the solver that computes U V^T by LAPACK's SVD, or the device's, in the options' dtype,
// float32 or float64: the exact factor, to which the other methods are compared.
std::unique_ptr<PolarSolver> svd_solver(const PolarOptions& options) {
  return std::make_unique<Svd>(options);
}

}  // namespace steepest::polar
