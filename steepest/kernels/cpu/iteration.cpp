// SPDX-License-Identifier: Apache-2.0
// Newton-Schulz and its Gram form by symmetric products. For X [n, m], n <= m, let G = X X^T of the
// unscaled X, t = safety^2 trace G = (safety |X|_F)^2 and R = G / t. The first step is
//   Z = a I + b R + c R^2,   X_1 = Z X / sqrt(t):
// the norm is the trace of a product that is needed anyway, and no pass over memory scales X. In
// units of n^2 m, a step costs 2 in place of 3 where n = m. A tall matrix is worked on as it lies:
// G = X^T X, X_1 = X Z / sqrt(t). The Gram form gathers the steps between two restarts:
// Q <- Q Z, R <- (R Z) Z. All these polynomials in R are kept as in shifted_matrix.h.

#include "steepest/kernels/cpu/iteration.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "steepest/kernels/cpu/gemm.h"
#include "steepest/kernels/cpu/kernel_rows.h"
#include "steepest/kernels/cpu/reduce.h"
#include "steepest/kernels/cpu/scratch.h"
#include "steepest/kernels/cpu/shifted_matrix.h"
#include "steepest/kernels/cpu/work_queue.h"
#include "steepest/kernels/plain.h"

namespace steepest::cpu {
namespace {

// |X|_F^2 for which the squares and the sums of the elements that matter are in float32's range.
constexpr double kMinTrace = 1e-16, kMaxTrace = 1e30;
// Whether |X|_F^2 = trace X X^T lies between kMinTrace and kMaxTrace, so that X needs no scaling.
// False of a NaN.
bool is_in_range(double trace) { return trace >= kMinTrace && trace <= kMaxTrace; }

constexpr int64_t kMinPanel = 128;  // rows or columns of X that are copied at a time

// The iteration of one matrix, with its workspace of this thread.
class MatrixIteration {
 public:
  // For matrices [rows, columns], multiplied by this kernel. The intermediate matrices lie in this
  // thread's scratch memory, so that a thread uses one MatrixIteration at a time. `iteration` and
  // `kernel` have to outlive it.
  MatrixIteration(int64_t rows, int64_t columns, const PolynomialIteration& iteration,
                  const KernelChoice& kernel)
      : it_(iteration),
        rows_(rows),
        columns_(columns),
        n_(std::min(rows, columns)),
        products_(n_, kernel),
        gram_{.matrix = scratch<float>(Scratch::gram, n_ * n_)},
        z_{.matrix = scratch<float>(Scratch::square, n_ * panel())},
        spare_{.matrix = scratch<float>(Scratch::spare, n_ * panel())} {
    if (it_.gram) factor_.matrix = scratch<float>(Scratch::factor, n_ * panel());
  }

  // Runs all steps on the row-major x [rows, columns], in place, and returns true. Returns false,
  // with x left as it was, where |x|_F^2 is no number or out of float32's range: the caller scales
  // x and tries again. The first Gram matrix is that of the unscaled x; its trace, |x|_F^2, gives
  // the factor 1 / (safety |x|_F) by which x is then scaled.
  bool run(float* x) {
    double square = 0;
    if (products_.is_scaling()) {
      inner_products(x, x, 1, rows_ * columns_, &square);
      if (!is_in_range(square)) return false;
    }
    x_norm_ = std::sqrt(square);
    products_.gram(x, rows_, columns_, x_norm_, gram_);
    const double trace = gram_.shift * static_cast<double>(n_);
    const double t = it_.safety * it_.safety * trace;
    if (!is_in_range(trace)) return false;
    const auto steps = static_cast<int64_t>(it_.steps.size());
    for (int64_t k = 0; k < steps;) {
      if (k > 0)
        products_.gram(x, rows_, columns_, x_norm_, gram_);
      else
        products_.scale(gram_, 1 / t);
      const int64_t end = next_restart(it_, k);
      apply(make_factor(k, end), x, k == 0 ? 1 / std::sqrt(t) : 1);
      k = end;
    }
    return true;
  }

 private:
  // Returns the matrix by which the steps [begin, end) together multiply X: the product of the
  // factors Z = a I + b R + c R^2 of each, where R, at first gram_, becomes (R Z) Z from step to
  // step. The result lies in the memory of z_ or factor_; gram_ is overwritten.
  ShiftedMatrix make_factor(int64_t begin, int64_t end) {
    products_.polynomial(it_.steps[begin], gram_, z_);
    if (end == begin + 1) return z_;
    for (int64_t k = begin + 1; k < end; ++k) {
      products_.multiply(gram_, z_, spare_);
      products_.multiply(spare_, z_, gram_);
      if (k == begin + 1) std::swap(factor_, z_);
      products_.polynomial(it_.steps[k], gram_, z_);
      products_.multiply(factor_, z_, spare_);
      std::swap(factor_, spare_);
    }
    return factor_;
  }

  // x <- scale F x, or scale x F of a tall x, for the symmetric F = factor.matrix + factor.shift I,
  // a panel of the long side at a time. In float32 the shift is added to the matrix' diagonal, in
  // place; of rounded operands it multiplies the copied panel in float32. The new |x|_F goes to
  // x_norm_ where products scale by it.
  void apply(const ShiftedMatrix& factor, float* x, double scale) {
    if (!products_.is_rounding()) {
      const auto shift = static_cast<float>(factor.shift);
      for (int64_t i = 0; i < n_; ++i) factor.matrix[i * n_ + i] += shift;
    }
    const bool is_wide = rows_ <= columns_;
    const int64_t size = is_wide ? columns_ : rows_;
    const double a_norm = is_wide ? factor.norm : x_norm_, b_norm = is_wide ? x_norm_ : factor.norm;
    double norm = 0;
    for (int64_t begin = 0; begin < size; begin += panel()) {
      const int64_t count = std::min(panel(), size - begin);
      Gemm product =
          is_wide ? wide_panel(factor, x, begin, count) : tall_panel(factor, x, begin, count);
      product.alpha = static_cast<float>(scale);
      if (products_.is_rounding())
        product.d = spare_.matrix, product.beta = static_cast<float>(scale * factor.shift);
      double part = 0;
      products_.gemm(product, a_norm, b_norm, part);
      norm = std::hypot(norm, part);
    }
    x_norm_ = norm;
  }

  // Prepares, for apply() to compute, the product factor x for `count` columns of a wide x from
  // `begin` on, which overwrites them: they are copied to spare_ here, as its operand.
  Gemm wide_panel(const ShiftedMatrix& factor, float* x, int64_t begin, int64_t count) const {
    float* const copy = spare_.matrix;
    for (int64_t i = 0; i < n_; ++i) std::copy_n(x + i * columns_ + begin, count, copy + i * count);
    return {.a = products_.left_operand(factor.matrix),
            .b = row_major(copy, n_, count),
            .c = x + begin,
            .c_stride = columns_};
  }
  // Prepares, for apply() to compute, the product x factor for `count` rows of a tall x from
  // `begin` on, which overwrites them: they are copied to spare_ here, as its operand.
  Gemm tall_panel(const ShiftedMatrix& factor, float* x, int64_t begin, int64_t count) const {
    float* const copy = spare_.matrix;
    std::copy_n(x + begin * n_, count * n_, copy);
    return {.a = row_major(copy, count, n_),
            .b = row_major(factor.matrix, n_, n_),
            .c = x + begin * n_};
  }
  // Returns how many rows or columns of x are multiplied at a time. spare_ holds a copy of so many;
  // z_ and factor_ are as large, as make_factor() swaps them with spare_.
  int64_t panel() const { return std::max(n_, kMinPanel); }

  const PolynomialIteration& it_;
  int64_t rows_, columns_, n_;
  SymmetricProducts products_;
  double x_norm_ = 0;  // |x|_F, where products scale by it
  ShiftedMatrix gram_, z_, factor_, spare_;
};

}  // namespace

void iterate_in_place(float* x, int64_t rows, int64_t columns, const PolynomialIteration& iteration,
                      const KernelChoice& kernel) {
  MatrixIteration in_place(rows, columns, iteration, kernel);
  if (in_place.run(x)) return;
  // It is out of scale, zero or not finite: bring the largest element to about 1 by a power of two.
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
  if (!in_place.run(x)) std::fill_n(x, size, 0.0f);
}

at::Tensor iterate(const at::Tensor& x, const PolynomialIteration& iteration, bool may_overwrite) {
  if (!is_in_memory(x) || x.scalar_type() == at::kDouble || !has_gemm()) return {};
  const int64_t batch = x.size(0), rows = x.size(1), columns = x.size(2);
  const KernelChoice& kernel =
      iteration.half_operands ? fast_kernel(std::min(rows, columns)) : *float_kernel();
  if (iteration.half_operands && &kernel == float_kernel()) return {};
  at::Tensor out = x.to(at::kFloat).contiguous();
  if (out.is_alias_of(x) && !may_overwrite) out = out.clone();
  auto* const data = out.mutable_data_ptr<float>();
  const auto one = [&](int64_t i) {
    iterate_in_place(data + i * rows * columns, rows, columns, iteration, kernel);
  };
  // Each thread takes a matrix. The last ones, too few for one round of all threads, are computed
  // one after another by all threads together.
  const int64_t threads = at::get_num_threads();
  const int64_t shared = batch < 4 * threads ? batch % threads : 0;
  run_queue(batch - shared, one);
  for (int64_t i = batch - shared; i < batch; ++i) one(i);
  return out.to(x.scalar_type());
}

}  // namespace steepest::cpu
