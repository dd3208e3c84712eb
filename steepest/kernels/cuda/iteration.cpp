// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cuda/iteration.h"

#include <ATen/ops/empty.h>

#include <limits>

#include "steepest/kernels/cuda/launch.h"
#include "steepest/kernels/cuda/one_block.h"
#include "steepest/kernels/cuda/step_tasks.h"

namespace steepest::cuda {
namespace {

constexpr int64_t kMinSymmetricRows = 256;  // below, one and two tiles of three are all of it

// Whether rows of x [B, r, c] begin at multiples of 16 bytes in its memory.
bool has_aligned_rows(const at::Tensor& x) {
  const auto bytes = static_cast<int64_t>(x.element_size());
  return reinterpret_cast<uintptr_t>(x.const_data_ptr()) % 16 == 0 && x.stride(2) == 1 &&
         x.stride(1) * bytes % 16 == 0 && (x.size(0) == 1 || x.stride(0) * bytes % 16 == 0);
}

// Whether the symmetric product takes a [B, n, m] as an operand.
bool is_operand(const at::Tensor& a) {
  const bool half = a.scalar_type() == at::kHalf || a.scalar_type() == at::kBFloat16;
  return half && a.numel() > 0 && a.size(1) >= kMinSymmetricRows && has_aligned_rows(a) &&
         a.stride(1) <= std::numeric_limits<int>::max();
}

// Returns alpha a a^T + beta d of each matrix of a [B, n, m], for a symmetric d [B, n, n] that may
// be undefined; undefined where the kernel does not run.
at::Tensor symmetric_product(const at::Tensor& a, double alpha, const at::Tensor& d, double beta) {
  const int64_t batch = a.size(0), n = a.size(1), tiles = (n + kSymmetricTile - 1) / kSymmetricTile;
  const int64_t blocks = batch * tiles * (tiles + 1) / 2;
  if (n % 8 != 0 || blocks > std::numeric_limits<int>::max() || !is_available(a)) return {};
  auto c = at::empty({batch, n, n}, a.options());
  const auto* const numbers = static_cast<const unsigned short*>(a.const_data_ptr());
  const SymmetricTask task{
      .a = numbers,
      .b = numbers,
      .d = d.defined() ? static_cast<const unsigned short*>(d.const_data_ptr()) : nullptr,
      .c = static_cast<unsigned short*>(c.mutable_data_ptr()),
      .a_batch = a.stride(0),
      .b_batch = a.stride(0),
      .c_batch = n * n,
      .n = static_cast<int>(n),
      .depth = static_cast<int>(a.size(2)),
      .a_stride = static_cast<int>(a.stride(1)),
      .b_stride = static_cast<int>(a.stride(1)),
      .c_stride = static_cast<int>(n),
      .alpha = static_cast<float>(alpha),
      .beta = static_cast<float>(beta)};
  const Launch how{
      .kernel = a.scalar_type() == at::kHalf ? "symmetric_float16" : "symmetric_bfloat16",
      .blocks = blocks,
      .threads = kSymmetricThreads,
      .shared_bytes = kSymmetricShared};
  return launch(how, a, &task) ? c : at::Tensor();
}

}  // namespace

at::Tensor iterate(const at::Tensor& x, const PolynomialIteration& iteration, bool may_overwrite) {
  if (!iteration.half_operands || x.numel() == 0 || x.scalar_type() == at::kDouble) return {};
  const auto one_block = one_block_launch(x.size(1), x.size(2), kind_of_dtype(x.scalar_type()),
                                          iteration, shared_limit(x));
  if (!one_block) return {};
  const auto from = x.contiguous();
  const bool in_place = may_overwrite || !from.is_alias_of(x);
  const auto y = in_place ? from : at::empty(x.sizes(), x.options());
  const auto work =
      one_block->needs_work ? at::empty(x.sizes(), x.options().dtype(at::kHalf)) : at::Tensor();
  auto task = one_block->task;
  task.x = from.const_data_ptr();
  task.y = y.mutable_data_ptr();
  if (work.defined()) task.work = static_cast<unsigned short*>(work.mutable_data_ptr());
  task.vectors = has_aligned_rows(from) && x.size(2) % 8 == 0;
  const Launch how{.kernel = "one_block_" + std::to_string(one_block->width),
                   .blocks = x.size(0),
                   .threads = threads_of(one_block->width),
                   .shared_bytes = one_block->shared_bytes};
  return launch(how, x, &task) ? y : at::Tensor();
}

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  const bool transposed = b.is_alias_of(a) && b.const_data_ptr() == a.const_data_ptr() &&
                          b.sizes() == a.mT().sizes() && b.strides() == a.mT().strides();
  return transposed && is_operand(a) ? symmetric_product(a, 1, {}, 0) : at::Tensor();
}

at::Tensor product_plus(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, double beta,
                        double alpha) {
  const bool one = a.is_same(c) && b.is_same(c) && c.is_contiguous();
  return one && is_operand(c) ? symmetric_product(a, alpha, c, beta) : at::Tensor();
}

}  // namespace steepest::cuda
