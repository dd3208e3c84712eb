// SPDX-License-Identifier: Apache-2.0
// Newton-Schulz and its Gram form by symmetric products. With n <= m, G = X X^T unscaled,
// t = safety^2 trace G = (safety |X|_F)^2 and R = G / t, the first step is
//   Z = a I + b R + c R^2,   X_1 = Z X / sqrt(t):
// the norm is the trace of a product that is needed anyway, and no pass scales X. In units of n^2
// m, a step costs 2 in place of 3 where n = m. A tall matrix is worked on as it lies: G = X^T X, X
// Z. The Gram form gathers the steps between two restarts: Q <- Q Z, R <- (R Z) Z.
//
// Each of these polynomials is kept as s I + S with trace S = 0, and only S is multiplied:
//   (r I + R) (z I + Z) = r z I + r Z + z R + R Z.
// With factors rounded to 16 bits (AMX, AVX-512 FP16) that is what saves the accuracy. Small
// singular values grow by a alone, and where all are alike R is near a multiple of I: a rounding of
// the whole blurs either in every step. Of S alone, in the standard form, it costs .002 to .01 of
// Jordan's answer; bfloat16 throughout, as torch.optim.Muon has it, costs .01 to .1.

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "steepest/kernels/cpu/gemm.h"
#include "steepest/kernels/cpu/reduce.h"
#include "steepest/kernels/cpu/scratch.h"
#include "steepest/kernels/cpu/work_queue.h"
#include "steepest/polar/iteration.h"

namespace steepest {
namespace cpu {
namespace {

// Within these neither the squares nor the sum of X's entries that matter leave float32's range.
constexpr double kLeastTrace = 1e-16, kMostTrace = 1e30;

constexpr int64_t kLeastStretch = 128;  // rows or columns of X, of which a copy is made

class Iterator {
 public:
  Iterator(int64_t rows, int64_t columns, const Iteration& iteration)
      : it_(iteration),
        rows_(rows),
        columns_(columns),
        n_(std::min(rows, columns)),
        half_(iteration.factors != at::kFloat),
        gram_{0, scratch<float>(Scratch::gram, n_ * n_)},
        z_{0, scratch<float>(Scratch::square, n_ * stretch())},
        spare_{0, scratch<float>(Scratch::spare, n_ * stretch())} {
    if (it_.gram) factor_.matrix = scratch<float>(Scratch::factor, n_ * stretch());
  }

  // In place. false: x is out of scale, and as it was.
  bool run(float* x) {
    double square = 0;
    if (half_) inner_products(x, x, 1, rows_ * columns_, &square);
    x_norm_ = std::sqrt(square);
    if (half_ && !in_range(square)) return false;
    make_gram(x);
    const double trace = gram_.shift * static_cast<double>(n_);
    const double t = it_.safety * it_.safety * trace;
    if (!in_range(trace)) return false;
    const auto steps = static_cast<int64_t>(it_.steps.size());
    for (int64_t k = 0; k < steps;) {
      if (k > 0)
        make_gram(x);
      else
        scale_gram(1 / t);
      const int64_t end = next_stop(it_, k);
      apply(make_factor(k, end), x, k == 0 ? 1 / std::sqrt(t) : 1);
      k = end;
    }
    return true;
  }

 private:
  struct Shifted {  // shift I + matrix, whose trace is zero
    double shift;
    float* matrix;
    double norm = 0;  // |matrix|_F, or a little more
  };

  static bool in_range(double trace) { return trace >= kLeastTrace && trace <= kMostTrace; }

  void centre(Shifted& s) const {
    double trace = 0;
    for (int64_t i = 0; i < n_; ++i) trace += s.matrix[i * n_ + i];
    const double mean = trace / static_cast<double>(n_);
    for (int64_t i = 0; i < n_; ++i) s.matrix[i * n_ + i] -= static_cast<float>(mean);
    s.shift += mean;
    // Of a difference of squares the first digits may be all that is right.
    const double square = s.norm * s.norm;
    s.norm = std::sqrt(std::max(square - trace * mean, 1e-4 * square));
  }

  void multiply(Gemm product, double a_norm, double b_norm, double& c_norm) const {
    product.factors = it_.factors;
    if (half_) product.a_norm = a_norm, product.b_norm = b_norm, product.c_norm = &c_norm;
    gemm(product);
  }
  void make_gram(const float* x) {
    const View view = row_major(x, rows_, columns_);
    const View wide = rows_ <= columns_ ? view : view.transposed();
    multiply({.a = wide, .b = wide.transposed(), .c = gram_.matrix, .symmetric = true}, x_norm_,
             x_norm_, gram_.norm);
    gram_.shift = 0;
    centre(gram_);
  }
  void scale_gram(double factor) {
    const auto f = static_cast<float>(factor);
    for (int64_t i = 0; i < n_ * n_; ++i) gram_.matrix[i] *= f;
    gram_.shift *= factor, gram_.norm *= factor;
  }

  // Symmetric: by rows or by columns, as the packing of a left factor likes it.
  View left(const float* a) const {
    const View rows = row_major(a, n_, n_);
    return it_.factors == at::kBFloat16 ? rows : rows.transposed();
  }
  // Of polynomials in R, which commute, so that their products are symmetric.
  Gemm symmetric(const float* a, const float* b, float* c) const {
    return {.a = left(a), .b = row_major(b, n_, n_), .c = c, .symmetric = true};
  }
  void multiply(const Shifted& a, const Shifted& b, Shifted& to) const {
    Gemm product = symmetric(a.matrix, b.matrix, to.matrix);
    product.d = b.matrix, product.beta = static_cast<float>(a.shift);
    product.e = a.matrix, product.epsilon = static_cast<float>(b.shift);
    multiply(product, a.norm, b.norm, to.norm);
    to.shift = a.shift * b.shift;
    centre(to);
  }
  // Z = a I + b R + c R^2.
  void make_step(const Coefficients& p) {
    const double r = gram_.shift;
    const auto slope = static_cast<float>(p.b + 2 * p.c * r);
    z_.shift = p.a + (p.b + p.c * r) * r;
    if (p.c == 0) {
      for (int64_t i = 0; i < n_ * n_; ++i) z_.matrix[i] = slope * gram_.matrix[i];
      z_.norm = std::abs(slope) * gram_.norm;
      return;
    }
    Gemm product = symmetric(gram_.matrix, gram_.matrix, z_.matrix);
    product.alpha = static_cast<float>(p.c), product.d = gram_.matrix, product.beta = slope;
    multiply(product, gram_.norm, gram_.norm, z_.norm);
    centre(z_);
  }

  // Of all steps from `begin` up to `end`.
  Shifted make_factor(int64_t begin, int64_t end) {
    make_step(it_.steps[begin]);
    if (end == begin + 1) return z_;
    for (int64_t k = begin + 1; k < end; ++k) {
      multiply(gram_, z_, spare_);
      multiply(spare_, z_, gram_);
      if (k == begin + 1) std::swap(factor_, z_);
      make_step(it_.steps[k]);
      multiply(factor_, z_, spare_);
      std::swap(factor_, spare_);
    }
    return factor_;
  }

  // x <- scale * factor x, a stretch of the long side at a time; in float32 the shift joins the
  // diagonal.
  void apply(const Shifted& factor, float* x, double scale) {
    if (!half_) {
      const auto shift = static_cast<float>(factor.shift);
      for (int64_t i = 0; i < n_; ++i) factor.matrix[i * n_ + i] += shift;
    }
    const bool wide = rows_ <= columns_;
    const int64_t size = wide ? columns_ : rows_;
    const int64_t length = stretch();
    auto* const copy = spare_.matrix;  // not in use now
    const View square = row_major(factor.matrix, n_, n_);
    double norm = 0;
    for (int64_t begin = 0; begin < size; begin += length) {
      const int64_t count = std::min(length, size - begin);
      Gemm product{.alpha = static_cast<float>(scale)};
      if (wide) {
        for (int64_t i = 0; i < n_; ++i)
          std::copy_n(x + i * columns_ + begin, count, copy + i * count);
        product.a = left(factor.matrix);
        product.b = row_major(copy, n_, count);
        product.c = x + begin, product.c_stride = columns_;
      } else {
        std::copy_n(x + begin * n_, count * n_, copy);
        product.a = row_major(copy, count, n_);
        product.b = square;
        product.c = x + begin * n_;
      }
      if (half_) product.d = copy, product.beta = static_cast<float>(scale * factor.shift);
      const double a_norm = wide ? factor.norm : x_norm_, b_norm = wide ? x_norm_ : factor.norm;
      double part = 0;
      multiply(product, a_norm, b_norm, part);
      norm = std::hypot(norm, part);
    }
    x_norm_ = norm;
  }
  // How much of the long side `spare_` holds a copy of; as z_ and factor_ change places with it,
  // they are as large.
  int64_t stretch() const { return std::max(n_, kLeastStretch); }

  const Iteration& it_;
  int64_t rows_, columns_, n_;
  bool half_;
  double x_norm_ = 0;  // |x|_F
  Shifted gram_, z_, factor_{}, spare_{};
};

}  // namespace

void polar(float* x, int64_t rows, int64_t columns, const Iteration& iteration) {
  Iterator iterator(rows, columns, iteration);
  if (iterator.run(x)) return;
  // Out of scale, zero or not finite: bring the largest entry to about 1 by a power of two.
  const int64_t size = rows * columns;
  float largest = 0;
  bool finite = true;
  for (int64_t i = 0; i < size; ++i) {
    largest = std::max(largest, std::abs(x[i]));
    finite = finite && std::isfinite(x[i]);
  }
  if (!finite || largest == 0) {
    std::fill_n(x, size, finite ? 0 : std::numeric_limits<float>::quiet_NaN());
    return;
  }
  const int exponent = -std::ilogb(largest);
  for (int64_t i = 0; i < size; ++i) x[i] = std::ldexp(x[i], exponent);
  if (!iterator.run(x)) std::fill_n(x, size, 0.0f);
}

}  // namespace cpu

at::Tensor iterated_on_cpu(const at::Tensor& x, const Iteration& iteration, bool may_overwrite) {
  if (!x.is_cpu() || x.scalar_type() == at::kDouble || !cpu::has_gemm()) return {};
  at::Tensor out = x.to(at::kFloat).contiguous();
  if (out.is_alias_of(x) && !may_overwrite) out = out.clone();
  const int64_t batch = x.size(0), rows = x.size(1), columns = x.size(2);
  auto* const data = out.mutable_data_ptr<float>();
  const auto one = [&](int64_t i) {
    cpu::polar(data + i * rows * columns, rows, columns, iteration);
  };
  // A matrix a thread; what is left over for one round of all threads, on all threads each.
  const int64_t threads = at::get_num_threads();
  const int64_t shared = batch < 4 * threads ? batch % threads : 0;
  cpu::run_queue(batch - shared, one);
  for (int64_t i = batch - shared; i < batch; ++i) one(i);
  return out.to(x.scalar_type());
}

}  // namespace steepest
