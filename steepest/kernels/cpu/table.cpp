// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/table.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>

#include <memory>
#include <optional>
#include <vector>

#include "steepest/kernels/cpu/gemm.h"
#include "steepest/kernels/cpu/gram_apply.h"
#include "steepest/kernels/cpu/iteration.h"
#include "steepest/kernels/cpu/normalize.h"
#include "steepest/kernels/cpu/pseudo_random.h"
#include "steepest/kernels/cpu/reduce.h"
#include "steepest/kernels/cpu/scratch.h"
#include "steepest/kernels/cpu/step.h"
#include "steepest/kernels/cpu/tall.h"
#include "steepest/kernels/cpu/work_queue.h"
#include "steepest/kernels/plain.h"

namespace steepest::cpu {
namespace {

// The entries of the table below, for tensors; Kernels (kernels/table.h) says what each computes.
// They return an undefined tensor, or false, where they decline.

// Returns <a, b> of each matrix of a and b [B, r, c], [B] float64; undefined for float64 operands,
// for entries that are not in memory, and for a and b of other shapes than each other's.
at::Tensor inner_products(const at::Tensor& a, const at::Tensor& b) {
  const auto is_narrow = [](const at::Tensor& t) {
    return is_in_memory(t) && t.scalar_type() != at::kDouble;
  };
  if (!is_narrow(a) || !is_narrow(b) || a.sizes() != b.sizes()) return {};
  const auto x = a.to(at::kFloat).contiguous();
  const auto y = b.is_same(a) ? x : b.to(at::kFloat).contiguous();
  auto sums = at::empty({a.size(0)}, x.options().dtype(at::kDouble));
  cpu::inner_products(x.const_data_ptr<float>(), y.const_data_ptr<float>(), a.size(0),
                      a.size(1) * a.size(2), sums.mutable_data_ptr<double>());
  return sums;
}

// Returns max |t_i| of a float32 tensor without gaps in its memory, [] float64; undefined for
// others. The order of its dimensions is no matter: it is read from its first element to its last.
at::Tensor largest_magnitude(const at::Tensor& t) {
  if (t.scalar_type() != at::kFloat || !t.is_non_overlapping_and_dense()) return {};
  const double largest = cpu::largest_magnitude(t.const_data_ptr<float>(), t.numel());
  return at::scalar_tensor(largest, at::TensorOptions(at::kDouble));
}

// Whether product() and product_plus() have to multiply the matrices of a [B, r, k] and b [B, k, c]
// one by one. On the CPU torch multiplies 2-D operands in half precision by oneDNN from 16^3
// multiplications on, and for 3-D ones it counts those of the whole batch: below that the two sum
// in different orders. One by one, a matrix has the same bits alone, in any batch, and in
// torch.optim.Muon.
bool is_one_by_one(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != at::kHalf && a.scalar_type() != at::kBFloat16) return false;
  return a.size(0) == 1 || a.size(1) * a.size(2) * b.size(2) <= 16 * 16 * 16;
}

// Whether b is the transpose of a, as a view of the same float32 memory, and the processor has a
// kernel for such products.
bool is_own_transpose(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == at::kFloat && has_gemm() && is_in_memory(a) && a.numel() > 0 &&
         b.is_alias_of(a) && b.const_data_ptr() == a.const_data_ptr() && b.size(2) == a.size(1) &&
         b.stride(0) == a.stride(0) && b.stride(1) == a.stride(2) && b.stride(2) == a.stride(1);
}

// Returns matrix i of a float32 x [B, r, c] of any strides.
View view_of(const at::Tensor& x, int64_t i) {
  return {x.const_data_ptr<float>() + i * x.stride(0), x.size(1), x.size(2), x.stride(1),
          x.stride(2)};
}

// Returns a b of each matrix of float32 a [B, r, k] and b [B, k, c] of any strides, [B, r, c]. Of a
// product that is `symmetric` half is computed and mirrored.
at::Tensor own_product(const at::Tensor& a, const at::Tensor& b, bool symmetric) {
  auto products = at::empty({a.size(0), a.size(1), b.size(2)}, a.options());
  for (int64_t i = 0; i < a.size(0); ++i) {
    gemm({.a = view_of(a, i),
          .b = view_of(b, i),
          .c = products.mutable_data_ptr<float>() + i * products.stride(0),
          .symmetric = symmetric});
  }
  return products;
}

// Returns the products of the matrices of float32 a [B, r, k] and b [B, k, c], [B, r, c], by the
// processor's kernel; undefined where it has none or there is nothing to multiply.
at::Tensor quick_product(const at::Tensor& a, const at::Tensor& b) {
  const bool both_float = a.scalar_type() == at::kFloat && b.scalar_type() == at::kFloat;
  if (!both_float || !has_gemm() || !is_in_memory(a) || !is_in_memory(b)) return {};
  if (a.numel() == 0 || b.numel() == 0) return {};
  return own_product(a, b, is_own_transpose(a, b));
}

// Returns the products of the matrices of a [B, r, k] and b [B, k, c], [B, r, c], by one call of
// torch for each, or by half the work where b is a^T; undefined where one call for all will do
// (is_one_by_one).
at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  if (is_own_transpose(a, b)) return own_product(a, b, /*symmetric=*/true);
  if (!is_one_by_one(a, b)) return {};
  std::vector<at::Tensor> each;
  for (int64_t i = 0; i < a.size(0); ++i) each.push_back(at::mm(a[i], b[i]));
  return at::stack(each);
}

// Returns beta c + alpha a b of each matrix of c [B, r, c], a [B, r, k] and b [B, k, c] by one call
// of torch for each; undefined where one call for all will do (is_one_by_one).
at::Tensor product_plus(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, double beta,
                        double alpha) {
  if (!is_one_by_one(a, b)) return {};
  std::vector<at::Tensor> each;
  for (int64_t i = 0; i < a.size(0); ++i) each.push_back(at::addmm(c[i], a[i], b[i], beta, alpha));
  return at::stack(each);
}

static_assert(kBlockColumns == kWideBlock && kBlockColumns == kTallWidth);

// Writes y <- a x and z <- a^T y for contiguous float32 a [r, c], x [c, m], y [r, m], z [c, m]: one
// step of a block Krylov method for singular triplets.
void gram_apply(const at::Tensor& a, const at::Tensor& x, const at::Tensor& y,
                const at::Tensor& z) {
  cpu::gram_apply({a.const_data_ptr<float>(), a.size(0), a.size(1), x.size(1),
                   x.const_data_ptr<float>(), y.mutable_data_ptr<float>(),
                   z.mutable_data_ptr<float>()});
}

// Returns a function (x, y, z) that writes y <- a x and z <- a^T y with `a` rounded to float16,
// which its first call does; it returns false, with y and z of no use, where numbers leave
// float16's range. An empty function where the processor or the size of `a` does not allow it: the
// caller then takes gram_apply(), which does not round.
steepest::GramApply rounded_gram_apply(const at::Tensor& a) {
  if (!HalfMatrix::is_supported(a.size(0), a.size(1))) return {};
  const auto rounded = std::make_shared<std::optional<HalfMatrix>>();
  return [a, rounded](const at::Tensor& x, const at::Tensor& y, const at::Tensor& z) {
    if (!*rounded) rounded->emplace(a.const_data_ptr<float>(), a.size(0), a.size(1));
    return (*rounded)->gram_apply(x.size(1), x.const_data_ptr<float>(), y.mutable_data_ptr<float>(),
                                  z.mutable_data_ptr<float>());
  };
}

// Writes g [m, m] <- x^T x, summed in float64, for a contiguous x [n, m] of m = kBlockColumns
// columns; false, with nothing done, for any other x.
bool block_gram(const at::Tensor& x, double* g) {
  if (x.size(1) != kBlockColumns || !x.is_contiguous()) return false;
  tall_gram(x.const_data_ptr<float>(), x.size(0), g);
  return true;
}

// Writes y [n, m] <- x t for t [m, m], row-major, and contiguous x and y of m = kBlockColumns
// columns; false, with nothing done, for others.
bool block_product(const at::Tensor& x, const float* t, const at::Tensor& y) {
  if (x.size(1) != kBlockColumns || !x.is_contiguous() || !y.is_contiguous()) return false;
  tall_product(x.const_data_ptr<float>(), x.size(0), t, y.mutable_data_ptr<float>());
  return true;
}

// Writes y [m, n] <- x^T for x [n, m] whose rows are contiguous; false, with nothing done, for
// others.
bool transpose(const at::Tensor& x, const at::Tensor& y) {
  if ((x.size(1) != 1 && x.stride(1) != 1) || !y.is_contiguous()) return false;
  transpose_tall(x.const_data_ptr<float>(), x.size(0), x.size(1), x.stride(0),
                 y.mutable_data_ptr<float>());
  return true;
}

// Returns the kernels for blocks of columns, kBlockColumns or fewer at a time; nullptr where the
// processor has no gram_apply().
const BlockKernels* blocks() {
  static const BlockKernels all{.narrow = native_block_width(),
                                .narrow_rounded = kNarrowBlock,
                                .gram_apply = gram_apply,
                                .rounded_gram_apply = rounded_gram_apply,
                                .gram = block_gram,
                                .product = block_product,
                                .transpose = transpose};
  return has_gram_apply() ? &all : nullptr;
}

// Returns under which purpose this thread's scratch keeps the memory of a Workspace use:
// workspace() needs its name in scratch.h.
Scratch scratch_of(Workspace use) {
  switch (use) {
    case Workspace::krylov_v:
      return Scratch::krylov_v;
    case Workspace::krylov_y:
      return Scratch::krylov_y;
    default:
      return Scratch::krylov_z;
  }
}

// Returns uninitialized float32 memory [rows, columns] in this thread's scratch for that use: the
// next call with the same use overwrites it. The tensor only names the device, here the CPU.
at::Tensor workspace(Workspace use, const at::Tensor&, int64_t rows, int64_t columns) {
  return at::from_blob(scratch<float>(scratch_of(use), rows * columns), {rows, columns},
                       at::TensorOptions(at::kFloat));
}

}  // namespace

const Kernels& kernels() {
  static const Kernels all{.host_reads = true,
                           .advance = advance,
                           .nesterov_products = nesterov_products,
                           .apply = apply,
                           .inner_products = inner_products,
                           .largest_magnitude = largest_magnitude,
                           .normalize = normalize,
                           .product = product,
                           .product_plus = product_plus,
                           .quick_product = quick_product,
                           .iterate = iterate,
                           .blocks = blocks(),
                           .fill_pseudo_random = fill_pseudo_random,
                           .workspace = workspace,
                           .run_queue = run_queue};
  return all;
}

const Kernels& subclass_kernels() {
  static const Kernels all{.host_reads = true, .product = product, .product_plus = product_plus};
  return all;
}

}  // namespace steepest::cpu
