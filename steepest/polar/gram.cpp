// SPDX-License-Identifier: Apache-2.0
// Newton-Schulz in Gram form (Dao-AILab, gram-newton-schulz). With R = X X^T and X_k = Q X,
//   Z = b R + c R^2,   Q <- a Q + Q Z,   R <- (a I + Z) R (a I + Z)
// never touches the long side of X [n, m], n <= m: five steps with one restart take 8 n^2 m + 28
// n^3 flops against 20 n^2 m + 10 n^3, so that it pays from m = 1.5 n on.
//
// It loses what Newton-Schulz corrects by itself. R is rounded to eps |R|, so that an eigenvalue of
// about zero may be -eps |R|, and each step multiplies it by a^2: the error after slopes a_1, ...,
// a_j is
//   eps |R| (a_1 ... a_j)^2.
// A restart, X <- Q X, R <- X X^T, begins anew. By default it is made just before this error would
// pass 3500 eps, 2e-4 in float32: after step 2 of Polar Express, after step 3 of Jordan's. In
// bfloat16, eps = 2^-8, no two steps would be possible, so that the Gram form computes in float32
// whatever the input. With operands rounded to 16 bits but R kept in float32
// (kernels/cpu/iteration.cpp) two of Jordan's steps are possible, with an error of .01 to .04 of
// the answer, and of Polar Express's steps the first two and the last two. The first two are,
// though they are steep, because independent errors of R's elements are eps |R|_F / n each and make
// 2 eps |R|_F / sqrt(n) of an eigenvalue; and |R|_F, which is sqrt(n) once X has grown, is at most
// 1 at first.

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/eye.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>

#include "steepest/base/dtype.h"
#include "steepest/kernels/kernels.h"
#include "steepest/polar/normalize.h"
#include "steepest/polar/solvers.h"

namespace steepest::polar {
namespace {

// Returns the largest singular value after k steps of the schedule, of those in [1e-5, 1] at the
// start: on a logarithmic grid, as gram_restarts() needs only its size.
double largest_value(const Schedule& s, int64_t k) {
  double largest = 0;
  for (int i = 0; i <= 2000; ++i) largest = std::max(largest, s.apply(std::pow(10, -i / 400.), k));
  return largest;
}

class Gram final : public PolarSolver {
 public:
  // Takes the options' steps, dtype and restarts; unset ones follow from the schedule.
  Gram(Schedule schedule, const PolarOptions& options)
      : schedule_(std::move(schedule)),
        steps_(options.steps.value_or(schedule_.steps)),
        dtype_(options.dtype),
        iteration_{schedule_.first(steps_), schedule_.safety, /*gram=*/true,
                   options.restarts.value_or(gram_restarts(schedule_, steps_))} {}

  // Returns the polar factors of the batch [B, r, c] in its dtype, by the device's kernel where it
  // has one, else in float32 at least: X is multiplied once by all the steps up to a restart.
  at::Tensor polar(const Batch& batch) const override {
    const at::Tensor& g = batch.matrices;
    check_batch(g);
    if (g.numel() == 0) return at::empty_like(g, at::MemoryFormat::Contiguous);
    const at::ScalarType dtype = dtype_.value_or(at_least_float32(g.scalar_type()));
    if (dtype == at::kFloat) {
      const auto y = try_kernel(kernels_of(g).iterate, g, iteration_, batch.owned);
      if (y.defined()) return y;
    }
    at::Tensor x = normalized_start(g, dtype, schedule_.safety);
    for (int64_t k = 0; k < steps_;) {
      const int64_t end = next_restart(iteration_, k);
      x = at::bmm(factor(at::bmm(x, x.mT()), k, end), x);
      k = end;
    }
    return to_layout_of(g, x);
  }

  // Returns max |1 - sigma'| over the singular values sigma in [l, 1], which become sigma', in
  // exact arithmetic.
  double bound(double l) const override { return schedule_.error(l, steps_); }

  // Returns what runs, for a person to read: "gram_jordan(steps=5, dtype=float32, restarts=[3])".
  std::string describe() const override {
    return c10::str("gram_", schedule_.name, "(steps=", steps_,
                    ", dtype=", described(dtype_, false), ", restarts=[",
                    c10::Join(", ", iteration_.restarts), "])");
  }

 private:
  // Returns the matrix Q [B, n, n] by which the steps [begin, end) together multiply X: the product
  // of their factors a I + b R + c R^2, where R = X X^T goes on from step to step. r [B, n, n] is R
  // before these steps.
  at::Tensor factor(at::Tensor r, int64_t begin, int64_t end) const {
    at::Tensor q;
    for (int64_t k = begin; k < end; ++k) {
      const PolynomialCoefficients& p = schedule_.at(k);
      at::Tensor z = p.c == 0 ? r.mul(p.b) : at::baddbmm(r, r, r, p.b, p.c);
      z.diagonal(0, 1, 2).add_(p.a);  // a I + Z: the products below need no copy of their a term
      q = k == begin ? z : at::bmm(q, z);
      if (k + 1 < end) r = at::bmm(z, at::bmm(r, z));
    }
    return q;
  }

  Schedule schedule_;
  int64_t steps_;
  std::optional<at::ScalarType> dtype_;
  PolynomialIteration iteration_;
};

}  // namespace

// Returns the steps before which the Gram form forms X and R = X X^T anew, for the first `steps`
// steps of the schedule: just before the growth of R's rounding error, |R| (a_1 ... a_j)^2 of the
// slopes since the last restart, would pass max_error_growth. first_norm: |R| at the start.
std::vector<int64_t> gram_restarts(const Schedule& schedule, int64_t steps, double max_error_growth,
                                   double first_norm) {
  std::vector<int64_t> restarts;
  double slope = 1, size = first_norm;  // a_1 ... a_j since the last restart, and |R| then
  for (int64_t k = 0; k < steps; ++k) {
    const double next = slope * schedule.at(k).a;
    if (slope > 1 && size * next * next > max_error_growth) {
      restarts.push_back(k);
      slope = 1;
      size = std::pow(largest_value(schedule, k), 2);
    }
    slope *= schedule.at(k).a;
  }
  return restarts;
}

// Makes the solver that runs the schedule's iteration in Gram form, with the options' steps, dtype
// (float32 or float64) and restarts.
std::unique_ptr<PolarSolver> gram_solver(Schedule schedule, const PolarOptions& options) {
  return std::make_unique<Gram>(std::move(schedule), options);
}

}  // namespace steepest::polar
