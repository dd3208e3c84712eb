// SPDX-License-Identifier: Apache-2.0
// U V^T from G = U S V^T: the exact polar factor, and the judge of the others. In float64 or
// float32 (half-width input is computed in float32). The sum runs over the singular values above
//   max(r, c) * eps * s_1,   eps of the dtype of the computation,
// the usual numerical rank: directions below it are rounding and give zero.

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

#include "steepest/polar/frame.h"
#include "steepest/polar/solvers.h"

namespace steepest {
namespace {

double epsilon(at::ScalarType dtype) {
  return dtype == at::kDouble ? std::numeric_limits<double>::epsilon()
                              : std::numeric_limits<float>::epsilon();
}

class Svd final : public PolarSolver {
 public:
  explicit Svd(const PolarOptions& options) : dtype_(options.dtype) {}

  at::Tensor polar(const at::Tensor& g, bool) const override {
    check_batch(g);
    if (g.numel() == 0) return at::empty_like(g, at::MemoryFormat::Contiguous);
    const at::ScalarType dtype = dtype_.value_or(at_least_float32(g.scalar_type()));
    constexpr int64_t kLong = 1 << 16;  // from which LAPACK's float32 sums lose digits
    const bool is_long = std::max(g.size(1), g.size(2)) > kLong;
    const at::Tensor x =
        wide(scaled_by_power_of_two(g).to(dtype)).to(is_long ? at::kDouble : dtype);
    // LAPACK refuses NaN and infinity; they go round it, and only their own matrix becomes NaN.
    const at::Tensor finite = at::isfinite(x).flatten(1).all(1).view({-1, 1, 1});
    const auto [u, s, vh] =
        at::linalg_svd(at::where(finite, x, at::zeros_like(x)), /*full_matrices=*/false);
    const double cut = std::max(g.size(1), g.size(2)) * epsilon(dtype);
    const at::Tensor kept = s.gt(s.narrow(1, 0, 1).mul(cut)).to(x.scalar_type());
    const at::Tensor polar = at::bmm(u.mul(kept.unsqueeze(1)), vh);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return restored(at::where(finite, polar, at::full_like(polar, nan)), g);
  }

  double bound(double) const override { return 0; }

  std::string describe() const override {
    return c10::str("svd(dtype=", described(dtype_, false), ")");
  }

 private:
  std::optional<at::ScalarType> dtype_;
};

}  // namespace

std::unique_ptr<PolarSolver> svd_solver(const PolarOptions& options) {
  return std::make_unique<Svd>(options);
}

}  // namespace steepest
