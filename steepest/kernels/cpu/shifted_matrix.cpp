// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/shifted_matrix.h"

#include <algorithm>
#include <cmath>

namespace steepest::cpu {

void SymmetricProducts::gemm(Gemm product, double a_norm, double b_norm, double& c_norm) const {
  product.kernel = &kernel_;
  if (is_scaling()) product.a_norm = a_norm, product.b_norm = b_norm, product.c_norm = &c_norm;
  cpu::gemm(product);
}

void SymmetricProducts::gram(const float* x, int64_t rows, int64_t columns, double x_norm,
                             ShiftedMatrix& to) const {
  const View view = row_major(x, rows, columns);
  const View wide = rows <= columns ? view : view.transposed();
  gemm({.a = wide, .b = wide.transposed(), .c = to.matrix, .symmetric = true}, x_norm, x_norm,
       to.norm);
  to.shift = 0;
  remove_trace(to);
}

void SymmetricProducts::multiply(const ShiftedMatrix& a, const ShiftedMatrix& b,
                                 ShiftedMatrix& to) const {
  Gemm product = symmetric_product(a.matrix, b.matrix, to.matrix);
  product.d = b.matrix, product.beta = static_cast<float>(a.shift);
  product.e = a.matrix, product.epsilon = static_cast<float>(b.shift);
  gemm(product, a.norm, b.norm, to.norm);
  to.shift = a.shift * b.shift;
  remove_trace(to);
}

// With R = r I + S the polynomial is (a + (b + c r) r) I + (b + 2 c r) S + c S^2.
void SymmetricProducts::polynomial(const PolynomialCoefficients& p, const ShiftedMatrix& r,
                                   ShiftedMatrix& to) const {
  const auto slope = static_cast<float>(p.b + 2 * p.c * r.shift);
  to.shift = p.a + (p.b + p.c * r.shift) * r.shift;
  if (p.c == 0) {
    for (int64_t i = 0; i < n_ * n_; ++i) to.matrix[i] = slope * r.matrix[i];
    to.norm = std::abs(slope) * r.norm;
    return;
  }
  Gemm product = symmetric_product(r.matrix, r.matrix, to.matrix);
  product.alpha = static_cast<float>(p.c), product.d = r.matrix, product.beta = slope;
  gemm(product, r.norm, r.norm, to.norm);
  remove_trace(to);
}

void SymmetricProducts::scale(ShiftedMatrix& a, double factor) const {
  const auto f = static_cast<float>(factor);
  for (int64_t i = 0; i < n_ * n_; ++i) a.matrix[i] *= f;
  a.shift *= factor, a.norm *= factor;
}

View SymmetricProducts::left_operand(const float* a) const {
  const View rows = row_major(a, n_, n_);
  return kernel_.left_by_rows ? rows : rows.transposed();
}

Gemm SymmetricProducts::symmetric_product(const float* a, const float* b, float* c) const {
  return {.a = left_operand(a), .b = row_major(b, n_, n_), .c = c, .symmetric = true};
}

void SymmetricProducts::remove_trace(ShiftedMatrix& a) const {
  double trace = 0;
  for (int64_t i = 0; i < n_; ++i) trace += a.matrix[i * n_ + i];
  const double mean = trace / static_cast<double>(n_);
  for (int64_t i = 0; i < n_; ++i) a.matrix[i * n_ + i] -= static_cast<float>(mean);
  a.shift += mean;
  // |A - mean I|_F^2 = |A|_F^2 - trace mean, a difference of which only some digits may be right:
  // it is kept above a hundredth of the norm, as a bound that is too large does no harm.
  const double square = a.norm * a.norm;
  a.norm = std::sqrt(std::max(square - trace * mean, 1e-4 * square));
}

}  // namespace steepest::cpu
