// SPDX-License-Identifier: Apache-2.0
// What a device computes by kernels of its own in place of ATen operators: one table a device, in
// which every entry may be missing. An entry may also decline what it is given, most often for its
// dtype or strides: it then returns false, or an undefined tensor, and has done nothing. In either
// case ATen does the work, so that a new device begins with an empty table and fills it entry by
// entry. What an entry returns has the same bits on any number of threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "steepest/kernels/iteration.h"

namespace steepest {

// How the weights decay in the pass that moves them.
struct DecayedMove {
  double coefficient = 0;  // of the direction
  double keep = 1;         // of the weights
  bool aligned_only =
      false;  // they decay only where they have the direction's sign, or either is 0
};

// The columns of a block of vectors: the kernels for blocks take as many.
constexpr int64_t kBlockColumns = 16;

// y <- A x and z <- A^T y for a matrix A [r, c], x [c, m], y [r, m] and z [c, m], all contiguous.
// False, with y and z of no use, where the numbers do not fit the arithmetic.
using GramApply =
    std::function<bool(const at::Tensor& x, const at::Tensor& y, const at::Tensor& z)>;

// Products with blocks of long vectors, [n, kBlockColumns] in float32: what a block Krylov method
// for singular triplets is made of. Small matrices, g and t, are row-major arrays in the memory of
// x's device. A device has all of them or none, except for rounded_gram_apply.
struct BlockKernels {
  // The number m <= kBlockColumns of columns with which gram_apply, or rounded_gram_apply, makes
  // the deepest Krylov space for its time. Each takes kBlockColumns columns as well.
  int64_t narrow = kBlockColumns, narrow_rounded = kBlockColumns;

  // y <- A x, z <- A^T y as in GramApply, for a contiguous A in float32, which is read once.
  void (*gram_apply)(const at::Tensor& a, const at::Tensor& x, const at::Tensor& y,
                     const at::Tensor& z) = nullptr;

  // The same for A rounded to 16 bits; an empty function where that is not quicker. It refers to A
  // and to memory of this thread: it serves until the next is asked for.
  GramApply (*rounded_gram_apply)(const at::Tensor& a) = nullptr;

  // g <- X^T X, summed in float64.
  bool (*gram)(const at::Tensor& x, double* g) = nullptr;

  // y <- X t; y may be x.
  bool (*product)(const at::Tensor& x, const float* t, const at::Tensor& y) = nullptr;

  // y [m, n] <- X^T for X [n, m] of any m.
  bool (*transpose)(const at::Tensor& x, const at::Tensor& y) = nullptr;
};

// The uses of memory that a thread keeps from call to call: two that are in use at the same time
// need two names.
enum class Workspace { krylov_v, krylov_y, krylov_z };

struct Kernels {
  // Whether the host reads a number of the device's without waiting for it, so that a choice may
  // depend on one.
  bool host_reads = false;

  // The dtype in which the device multiplies fastest, all operands and results being in it.
  at::ScalarType fast_dtype = at::kFloat;

  // m <- lerp(m, g, take);  u <- lerp(g, m, carry): torch's EMA and its Nesterov look-ahead in 16
  // bytes an entry instead of 24.
  bool (*advance)(const at::Tensor& m, const at::Tensor& g, const at::Tensor& u, double take,
                  double carry) = nullptr;

  // <lerp(g, m, carry), s> of each matrix, for the u of advance() when it is gone: [B] float64.
  bool (*nesterov_products)(const at::Tensor& m, const at::Tensor& g, double carry,
                            const at::Tensor& s, const at::Tensor& products) = nullptr;

  // w <- keep w - coefficient s: 12 bytes an entry instead of 20. A coefficient that is no float32
  // is multiplied in float64, as what it makes of s may be a float32.
  bool (*apply)(const at::Tensor& w, const at::Tensor& s, const DecayedMove& move) = nullptr;

  // <a, b> of each matrix of batches [B, r, c], multiplied and accumulated in float64: [B] float64.
  at::Tensor (*inner_products)(const at::Tensor& a, const at::Tensor& b) = nullptr;

  // max |t_i|, NaN where there is one, of a t that is not empty: [] float64.
  at::Tensor (*largest_magnitude)(const at::Tensor& t) = nullptr;

  // x / (safety |x|_F) of each matrix of x [B, r, c] at any scale in its dtype; a zero matrix stays
  // zero.
  at::Tensor (*normalize)(const at::Tensor& x, double safety) = nullptr;

  // a b, and beta c + alpha a b, of each matrix of a batch.
  at::Tensor (*product)(const at::Tensor& a, const at::Tensor& b) = nullptr;
  at::Tensor (*product_plus)(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b,
                             double beta, double alpha) = nullptr;

  // a b of each matrix of a batch, summed in the order that is quickest; product() has ATen's bits.
  at::Tensor (*quick_product)(const at::Tensor& a, const at::Tensor& b) = nullptr;

  // The result of the iteration for each matrix of x [B, r, c], of any orientation and scale, with
  // iterates in float32 at least: [B, r, c] in the dtype of x, in the memory of x where it may be
  // overwritten. A zero matrix gives zero, one with a NaN or an infinity gives NaNs. It declines
  // half_operands where they do not pay, as the steps were chosen for them.
  at::Tensor (*iterate)(const at::Tensor& x, const PolynomialIteration& iteration,
                        bool may_overwrite) = nullptr;

  const BlockKernels* blocks = nullptr;

  // Fills out [rows, columns] with pseudo_random(), see svd/pseudo_random.h.
  bool (*fill_pseudo_random)(const at::Tensor& out, int64_t first_column) = nullptr;

  // Memory [rows, columns] in float32 on the device of `like`, which this thread keeps: it holds
  // its contents until the next call for the same use.
  at::Tensor (*workspace)(Workspace use, const at::Tensor& like, int64_t rows,
                          int64_t columns) = nullptr;

  // Runs task(0) ... task(count - 1), which share nothing, on several threads of the host.
  void (*run_queue)(int64_t count, const std::function<void(int64_t)>& task) = nullptr;
};

// Calls an entry of Kernels with these arguments, where the device has it, and returns its answer.
// False, or an undefined tensor, where the entry is missing (nullptr) or declines: nothing has been
// done then, and the caller computes by ATen.
template <typename Result, typename... Parameters, typename... Arguments>
Result try_kernel(Result (*entry)(Parameters...), const Arguments&... arguments) {
  return entry == nullptr ? Result() : entry(arguments...);
}

}  // namespace steepest
