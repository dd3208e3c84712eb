// SPDX-License-Identifier: Apache-2.0
// (A + ridge I)^{-1/2} X, A = X X^T, |X|_F = 1, by the coupled Newton iteration for an inverse p-th
// root (Guo & Higham 2006; Iannazzo 2006), which Shampoo's implementations use; here p = 2:
//   M_0 = z (A + ridge I),  Y_0 = sqrt(z) I,   T = ((p + 1) I - M) / p,   Y <- Y T,   M <- T^p M
// M -> I and Y -> (A + ridge I)^{-1/2} for eigenvalues of M_0 in (0, p + 1); z = (p + 1) / 2 starts
// the largest of them in the middle.
//
// It is here for comparison. It works on A, whose condition number is the square of X's: a singular
// value s is s^2 here, and is lost in rounding below sqrt(eps): 5e-8 in float64, 1e-3 in float32,
// 1/16 in bfloat16. An eigenvalue of about zero may come out as -eps, and T^p would drive it to
// -infinity; the ridge, 16 eps, keeps it positive. In bfloat16 the ridge would be 1/8 of the
// largest eigenvalue: hence float32 at least.
//
// The ridge r makes 1 - r / (2 s^2) of a singular value that should be 1: .04 too little at
// s = 5e-3 in float32. Two cubic steps on the answer, P <- 1.5 P - .5 P P^T P, take that out, as
// each of them squares the error.

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/eye.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <limits>

#include "steepest/base/dtype.h"
#include "steepest/polar/normalize.h"
#include "steepest/polar/solvers.h"

namespace steepest::polar {
namespace {

constexpr int64_t kSteps = 24;  // 1e-3 needs log(1e6) / log(2.25) = 17 to grow and 4 to converge
constexpr double kZ = 1.5;      // z for p = 2
constexpr int64_t kPolish = 2;  // cubic steps on the answer

// Returns what is added to the eigenvalues of X X^T, whose largest is at most 1: 16 eps of the
// dtype, float32's for any but float64. It keeps an eigenvalue of zero positive, which rounding may
// take to -eps.
double ridge(at::ScalarType dtype) {
  return 16 * (dtype == at::kDouble ? std::numeric_limits<double>::epsilon()
                                    : std::numeric_limits<float>::epsilon());
}

class Newton final : public PolarSolver {
 public:
  // Takes the options' steps and dtype; where they are unset, kSteps and the input's dtype, float32
  // at least.
  explicit Newton(const PolarOptions& options)
      : steps_(options.steps.value_or(kSteps)), dtype_(options.dtype) {}

  // Returns the polar factors of the batch [B, r, c] in its dtype: X of norm 1 times the inverse
  // root of X X^T, then kPolish cubic steps, which take out the error that the ridge makes.
  at::Tensor polar(const Batch& batch) const override {
    const at::Tensor& g = batch.matrices;
    check_batch(g);
    if (g.numel() == 0) return at::empty_like(g, at::MemoryFormat::Contiguous);
    const at::ScalarType dtype = dtype_.value_or(at_least_float32(g.scalar_type()));
    const at::Tensor x = normalized_start(g, dtype, /*safety=*/1);
    at::Tensor p = at::bmm(inverse_root(at::bmm(x, x.mT()), ridge(dtype)), x);
    for (int64_t k = 0; k < kPolish; ++k)
      p = at::baddbmm(p, at::bmm(p, p.mT()), p, /*beta=*/1.5, /*alpha=*/-.5);
    return to_layout_of(g, p);
  }

  // Returns max |1 - sigma'| over the singular values sigma in [l, 1], which become sigma', in
  // exact arithmetic: polar() repeated on single numbers. Where the dtype is unset, with float32's
  // ridge, which is the larger one.
  double bound(double l) const override {
    const double r = ridge(dtype_.value_or(at::kFloat));
    auto polar_value = [&](double sigma) {
      double m = kZ * (sigma * sigma + r), y = std::sqrt(kZ);
      for (int64_t k = 0; k < steps_; ++k) {
        const double t = (3 - m) / 2;
        y *= t;
        m *= t * t;
      }
      double p = y * sigma;
      for (int64_t k = 0; k < kPolish; ++k) p *= 1.5 - .5 * p * p;
      return p;
    };
    return max_error(polar_value, l, 1);
  }

  // Returns what runs, for a person to read: "newton(steps=24, dtype=float32)".
  std::string describe() const override {
    return c10::str("newton(steps=", steps_, ", dtype=", described(dtype_, false), ")");
  }

 private:
  // Returns (A + ridge I)^{-1/2} [B, n, n] of the symmetric a [B, n, n] by the coupled iteration: m
  // goes to I, and y, multiplied by the same factors t = (3 I - m) / 2, to the inverse root.
  at::Tensor inverse_root(const at::Tensor& a, double ridge) const {
    const at::Tensor identity = at::eye(a.size(1), a.options()).expand_as(a);
    at::Tensor m = a.add(identity, ridge).mul(kZ);
    at::Tensor y = identity.mul(std::sqrt(kZ));
    for (int64_t k = 0; k < steps_; ++k) {
      const at::Tensor t = identity.mul(1.5).sub(m, .5);
      y = at::bmm(y, t);
      m = at::bmm(at::bmm(t, t), m);
    }
    return y;
  }

  int64_t steps_;
  std::optional<at::ScalarType> dtype_;
};

}  // namespace

// Makes the solver that computes (X X^T + ridge I)^{-1/2} X by the coupled Newton iteration, with
// the options' steps and dtype, for comparison: it loses singular values below the root of eps.
std::unique_ptr<PolarSolver> newton_solver(const PolarOptions& options) {
  return std::make_unique<Newton>(options);
}

}  // namespace steepest::polar
