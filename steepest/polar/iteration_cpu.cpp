// SPDX-License-Identifier: Apache-2.0
// Newton-Schulz and its Gram form by symmetric float32 products. With n <= m, G = X X^T unscaled,
// t = safety^2 trace G = (safety |X|_F)^2 and R = G / t, the first step is
//   Z = (a I + b R + c R^2) / sqrt(t),   X_1 = Z X:
// the norm is the trace of a product that is needed anyway, and no pass scales X. In units of n^2
// m, a step costs 2 in place of 3 where n = m. A tall matrix is worked on as it lies: G = X^T X, X
// Z.

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "steepest/cpu/gemm.h"
#include "steepest/cpu/scratch.h"
#include "steepest/cpu/work_queue.h"
#include "steepest/polar/iteration.h"

namespace steepest {
namespace cpu {
namespace {

// Within these neither the squares nor the sum of X's entries that matter leave float32's range.
constexpr double kLeastTrace = 1e-16, kMostTrace = 1e30;

class Iterator {
 public:
  Iterator(int64_t rows, int64_t columns, const Iteration& iteration)
      : it_(iteration),
        rows_(rows),
        columns_(columns),
        n_(std::min(rows, columns)),
        gram_(scratch<float>(Scratch::gram, n_ * n_)),
        square_(scratch<float>(Scratch::square, n_ * n_)) {
    if (!it_.gram) return;
    factor_ = scratch<float>(Scratch::factor, n_ * n_);
    spare_ = scratch<float>(Scratch::spare, n_ * n_);
  }

  // false: x is out of scale, nothing is computed.
  bool run(const float* x, float* out) {
    make_gram(x, 1);
    double trace = 0;
    for (int64_t i = 0; i < n_; ++i) trace += gram_[i * n_ + i];
    const double t = it_.safety * it_.safety * trace;
    if (!(trace >= kLeastTrace && trace <= kMostTrace)) return false;
    const auto steps = static_cast<int64_t>(it_.steps.size());
    auto* const other =
        next_stop(it_, 0) < steps ? scratch<float>(Scratch::iterate, rows_ * columns_) : nullptr;
    for (int64_t k = 0; k < steps;) {
      if (k > 0)
        make_gram(x, 1);
      else
        scale_gram(1 / t);
      const int64_t end = next_stop(it_, k);
      const float* const z = make_factor(k, end);
      float* const to = stops_after(end) % 2 == 0 ? out : other;
      multiply(z, x, to, k == 0 ? 1 / std::sqrt(t) : 1);
      x = to;
      k = end;
    }
    return true;
  }

 private:
  int64_t stops_after(int64_t k) const {
    int64_t count = 0;
    for (const auto steps = static_cast<int64_t>(it_.steps.size()); k < steps; ++count)
      k = next_stop(it_, k);
    return count;
  }

  void make_gram(const float* x, float alpha) {
    const View view = row_major(x, rows_, columns_);
    const View wide = rows_ <= columns_ ? view : view.transposed();
    gemm({.a = wide, .b = wide.transposed(), .c = gram_, .alpha = alpha, .symmetric = true});
  }
  void scale_gram(double factor) {
    const auto f = static_cast<float>(factor);
    for (int64_t i = 0; i < n_ * n_; ++i) gram_[i] *= f;
  }

  // c = a b of polynomials in R: symmetric, as a and b are, so that either may be read by columns.
  void symmetric(const float* a, const float* b, float* c, const Coefficients* p = nullptr) {
    Gemm g{.a = row_major(a, n_, n_).transposed(), .b = row_major(b, n_, n_), .c = c};
    g.symmetric = true;
    if (p != nullptr) {  // c a b + b R + a I
      g.alpha = static_cast<float>(p->c), g.beta = static_cast<float>(p->b), g.d = gram_;
      g.gamma = static_cast<float>(p->a);
    }
    gemm(g);
  }
  void polynomial(const Coefficients& p, float* z) {
    if (p.c != 0) return symmetric(gram_, gram_, z, &p);
    const auto a = static_cast<float>(p.a), b = static_cast<float>(p.b);
    for (int64_t i = 0; i < n_ * n_; ++i) z[i] = b * gram_[i];
    for (int64_t i = 0; i < n_; ++i) z[i * n_ + i] += a;
  }

  // Z of the step `begin` where it is the only one, else the product Q of all Z up to `end`.
  const float* make_factor(int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      polynomial(it_.steps[k], square_);
      if (k == begin && end == begin + 1) return square_;
      if (k == begin) {
        std::copy_n(square_, n_ * n_, factor_);
      } else {
        symmetric(factor_, square_, spare_);
        std::swap(factor_, spare_);
      }
      if (k + 1 == end) break;
      symmetric(gram_, square_, spare_);
      symmetric(spare_, square_, gram_);
    }
    return factor_;
  }

  void multiply(const float* z, const float* x, float* to, double scale) {
    const View square = row_major(z, n_, n_), view = row_major(x, rows_, columns_);
    const bool wide = rows_ <= columns_;
    gemm({.a = wide ? square.transposed() : view,
          .b = wide ? view : square,
          .c = to,
          .alpha = static_cast<float>(scale)});
  }

  const Iteration& it_;
  int64_t rows_, columns_, n_;
  float *gram_, *square_, *factor_ = nullptr, *spare_ = nullptr;
};

}  // namespace

void polar(const float* x, float* out, int64_t rows, int64_t columns, const Iteration& iteration) {
  Iterator iterator(rows, columns, iteration);
  if (iterator.run(x, out)) return;
  // Out of scale, zero or not finite: bring the largest entry to about 1 by a power of two.
  const int64_t size = rows * columns;
  float largest = 0;
  bool finite = true;
  for (int64_t i = 0; i < size; ++i) {
    largest = std::max(largest, std::abs(x[i]));
    finite = finite && std::isfinite(x[i]);
  }
  if (!finite || largest == 0) {
    std::fill_n(out, size, finite ? 0 : std::numeric_limits<float>::quiet_NaN());
    return;
  }
  auto* const scaled = scratch<float>(Scratch::scaled, size);
  const int exponent = -std::ilogb(largest);
  for (int64_t i = 0; i < size; ++i) scaled[i] = std::ldexp(x[i], exponent);
  if (!iterator.run(scaled, out)) std::fill_n(out, size, 0.0f);
}

}  // namespace cpu

at::Tensor iterated_on_cpu(const at::Tensor& x, const Iteration& iteration) {
  if (!x.is_cpu() || x.scalar_type() == at::kDouble || !cpu::has_gemm()) return {};
  const at::Tensor in = x.to(at::kFloat).contiguous();
  at::Tensor out = at::empty_like(in);
  const int64_t batch = x.size(0), rows = x.size(1), columns = x.size(2);
  const auto* const from = in.const_data_ptr<float>();
  auto* const to = out.mutable_data_ptr<float>();
  const auto one = [&](int64_t i) {
    cpu::polar(from + i * rows * columns, to + i * rows * columns, rows, columns, iteration);
  };
  // A matrix a thread; what is left over for one round of all threads, on all threads each.
  const int64_t threads = at::get_num_threads();
  const int64_t shared = batch < 4 * threads ? batch % threads : 0;
  cpu::run_queue(batch - shared, one);
  for (int64_t i = batch - shared; i < batch; ++i) one(i);
  return out.to(x.scalar_type());
}

}  // namespace steepest
