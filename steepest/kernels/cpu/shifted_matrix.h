// SPDX-License-Identifier: Apache-2.0
// Symmetric matrices [n, n] kept as s I + S with trace S = 0, of which only S is multiplied:
//   (a I + A) (b I + B) = a b I + a B + b A + A B.
// With operands rounded to 16 bits (see kernel_rows()) that is what saves the accuracy of a
// Newton-Schulz iteration. Small singular values grow by the coefficient a alone, and where all are
// alike R = X X^T is near a multiple of I: a rounding of the whole would blur either in every step.
// The rounding of S alone, in the standard form, costs .002 to .01 of Jordan's answer; bfloat16
// throughout, as torch.optim.Muon has it, costs .01 to .1.
#pragma once

#include <cstdint>

#include "steepest/kernels/cpu/gemm.h"
#include "steepest/kernels/iteration.h"

namespace steepest::cpu {

struct ShiftedMatrix {
  double shift = 0;
  float* matrix = nullptr;  // [n, n] row-major
  double norm = 0;          // |matrix|_F, or a little more; known where operands are scaled
};

// Products of matrices that are polynomials in one symmetric R: they commute, so that every product
// is symmetric too.
class SymmetricProducts {
 public:
  // For matrices [n, n], multiplied by this kernel, which has to outlive it.
  SymmetricProducts(int64_t n, const KernelChoice& kernel) : n_(n), kernel_(kernel) {}

  // Whether operands are rounded to 16 bits.
  bool is_rounding() const { return kernel_.operands != c10::kFloat; }
  // Whether operands are scaled, so that their norms are needed.
  bool is_scaling() const { return kernel_.scaled_norm != 0; }

  // Computes one product, of any shape, by the kernel. a_norm and b_norm, |A|_F and |B|_F, are read
  // where is_scaling(), and only then c_norm is set to |C|_F.
  void gemm(Gemm product, double a_norm, double b_norm, double& c_norm) const;

  // Writes to `to` X X^T [rows, rows], or X^T X of a tall row-major x [rows, columns], with its
  // trace moved into to.shift. x_norm: |x|_F, read where is_scaling().
  void gram(const float* x, int64_t rows, int64_t columns, double x_norm, ShiftedMatrix& to) const;
  // Writes to `to`, which shares no memory with a or b, the product a b, with its shift and norm.
  void multiply(const ShiftedMatrix& a, const ShiftedMatrix& b, ShiftedMatrix& to) const;
  // Writes to `to`, which shares no memory with r, the factor a I + b R + c R^2 of p's
  // coefficients, by which a step multiplies X, with its shift and norm.
  void polynomial(const PolynomialCoefficients& p, const ShiftedMatrix& r, ShiftedMatrix& to) const;
  // Multiplies a by the factor in place: its matrix, its shift and its norm.
  void scale(ShiftedMatrix& a, double factor) const;

  // Returns a view of the symmetric matrix a [n, n] as a product's left operand: read by rows or by
  // columns, whichever the kernel packs faster. Both views are the same matrix.
  View left_operand(const float* a) const;

 private:
  // Returns the product c = a b of symmetric a and b [n, n] that commute as gemm() takes it, not
  // yet computed.
  Gemm symmetric_product(const float* a, const float* b, float* c) const;
  // Moves the mean of a.matrix's diagonal into the shift, so that its trace is 0; updates its norm.
  void remove_trace(ShiftedMatrix& a) const;

  int64_t n_;
  const KernelChoice& kernel_;
};

}  // namespace steepest::cpu
