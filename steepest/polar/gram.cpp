// SPDX-License-Identifier: Apache-2.0
// Newton-Schulz in Gram form (Dao-AILab, gram-newton-schulz). With R = X X^T and X_k = Q X,
//   Z = b R + c R^2,   Q <- a Q + Q Z,   R <- (a I + Z) R (a I + Z)
// never touches the long side of X: 8 n^2 m + 28 n^3 flops for five steps with one restart against
// 20 n^2 m + 10 n^3 (n <= m), so it pays from m = 1.5 n on.
//
// It loses what Newton-Schulz corrects by itself. R is rounded to eps |R|, so an eigenvalue of
// about zero may be -eps |R|, and each step multiplies it by a^2: the error after slopes a_1, ...,
// a_j is
//   eps * |R| * (a_1 ... a_j)^2.
// A restart, X <- Q X, R <- X X^T, begins anew; by default just before this would pass 3500 eps,
// 2e-4 in float32: Polar Express after step 2, Jordan's after 3. In bfloat16, eps = 2^-8, no two
// steps are possible: computed in float32 whatever the input. With 16-bit factors but R kept in
// float32 (iteration_cpu.cpp) two of Jordan's are, with an error of .01 to .04 of the answer, and
// of Polar Express's the first two and the last two. The first two, though steep, for errors of
// R's entries that do not know of each other are eps |R|_F / n each and 2 eps |R|_F / sqrt(n) of an
// eigenvalue: at first |R|_F <= 1, once X has grown sqrt(n).

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/eye.h>
#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>

#include "steepest/polar/frame.h"
#include "steepest/polar/iteration.h"
#include "steepest/polar/solvers.h"

namespace steepest {
namespace {

// max phi_k(... phi_1(sigma)) over sigma in (0, 1].
double largest_value(const Schedule& s, int64_t k) {
  double largest = 0;
  for (int i = 0; i <= 2000; ++i) largest = std::max(largest, s.apply(std::pow(10, -i / 400.), k));
  return largest;
}

class Gram final : public PolarSolver {
 public:
  Gram(Schedule schedule, const PolarOptions& options)
      : schedule_(std::move(schedule)),
        steps_(options.steps.value_or(schedule_.steps)),
        dtype_(options.dtype),
        iteration_{schedule_.first(steps_), schedule_.safety, /*gram=*/true,
                   options.restarts.value_or(gram_restarts(schedule_, steps_))} {}

  at::Tensor polar(const at::Tensor& g, bool may_overwrite) const override {
    check_batch(g);
    if (g.numel() == 0) return at::empty_like(g, at::MemoryFormat::Contiguous);
    const at::ScalarType dtype = dtype_.value_or(at_least_float32(g.scalar_type()));
    if (dtype == at::kFloat) {
      if (const auto y = iterated_on_cpu(g, iteration_, may_overwrite); y.defined()) return y;
    }
    at::Tensor x = normalized_start(g, dtype, schedule_.safety);
    for (int64_t k = 0; k < steps_;) {
      const int64_t end = next_stop(iteration_, k);
      x = at::bmm(factor(at::bmm(x, x.mT()), k, end), x);
      k = end;
    }
    return restored(x, g);
  }

  double bound(double l) const override { return schedule_.error(l, steps_); }

  std::string describe() const override {
    return c10::str("gram_", schedule_.name, "(steps=", steps_,
                    ", dtype=", described(dtype_, false), ", restarts=[",
                    c10::Join(", ", iteration_.restarts), "])");
  }

 private:
  // Q after the steps [begin, end), from R = X X^T.
  at::Tensor factor(at::Tensor r, int64_t begin, int64_t end) const {
    at::Tensor q;
    for (int64_t k = begin; k < end; ++k) {
      const Coefficients& p = schedule_.at(k);
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
  Iteration iteration_;
};

}  // namespace

std::vector<int64_t> gram_restarts(const Schedule& schedule, int64_t steps, double largest_growth,
                                   double first) {
  std::vector<int64_t> restarts;
  double slope = 1, size = first;  // |R| at the last restart
  for (int64_t k = 0; k < steps; ++k) {
    const double next = slope * schedule.at(k).a;
    if (slope > 1 && size * next * next > largest_growth) {
      restarts.push_back(k);
      slope = 1;
      size = std::pow(largest_value(schedule, k), 2);
    }
    slope *= schedule.at(k).a;
  }
  return restarts;
}

std::unique_ptr<PolarSolver> gram_solver(Schedule schedule, const PolarOptions& options) {
  return std::make_unique<Gram>(std::move(schedule), options);
}

}  // namespace steepest
