// SPDX-License-Identifier: Apache-2.0
// The algebra is that of device/one_block.cuh, for matrices that no block holds: of a segment of
// steps, F = f I + S is the product of its factors a_k I + Z_k, and all of R, Z and S are
// symmetric. X <- F X, the one product that is not, is ATen's.
#include "steepest/kernels/cuda/symmetric_product.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>

#include <algorithm>
#include <limits>

#include "steepest/kernels/cuda/device/tasks.h"
#include "steepest/kernels/cuda/launch.h"

namespace steepest::cuda {
namespace {

constexpr int64_t kMinRows = 256;  // below, the tiles on the diagonal are most of them

const unsigned short* numbers(const at::Tensor& t) {
  return t.defined() ? static_cast<const unsigned short*>(t.const_data_ptr()) : nullptr;
}

// Returns X_0 = x / (safety |x|_F) in float16, wide and contiguous, at any scale of x.
at::Tensor start(const at::Tensor& x, double safety) {
  const auto wide = (x.size(1) > x.size(2) ? x.mT() : x).to(at::kFloat);
  const auto norm = [](const at::Tensor& t, double order) {
    return at::linalg_vector_norm(t, order, at::IntArrayRef{1, 2}, /*keepdim=*/true);
  };
  const auto y = wide.div(norm(wide, std::numeric_limits<double>::infinity()).clamp_min(1e-38));
  const auto size = norm(y, 2).mul_(safety);
  return y.div(size.masked_fill_(size == 0, 1)).to(at::kHalf).contiguous();
}

// The factor F = f I + S of a segment of steps.
struct Factor {
  double f;
  at::Tensor s;
};

// Returns what symmetric_product() does, by ATen where a device that had kernels has none any more.
at::Tensor product_of(const at::Tensor& a, const at::Tensor& b, double alpha,
                      const at::Tensor& d = {}, double beta = 0) {
  const auto own = symmetric_product(a, b, alpha, d, beta);
  if (own.defined()) return own;
  return d.defined() ? at::baddbmm(d, a, b.mT(), beta, alpha) : at::bmm(a, b.mT()).mul_(alpha);
}

// Returns Z = b R + c R^2.
at::Tensor polynomial(const at::Tensor& r, const PolynomialCoefficients& p) {
  return p.c == 0 ? r.mul(p.b) : product_of(r, r, p.c, r, p.b);
}

// Returns the factor of the steps [begin, end), where r is R before the first of them.
Factor factor(const PolynomialIteration& it, at::Tensor r, int64_t begin, int64_t end) {
  auto z = polynomial(r, it.steps[begin]);
  Factor whole{it.steps[begin].a, z};
  for (int64_t k = begin + 1; k < end; ++k) {
    const double before = it.steps[k - 1].a, a = it.steps[k].a;
    r = product_of(r, z, 1, r, before);
    r = product_of(r, z, 1, r, before);
    z = polynomial(r, it.steps[k]);
    // (f I + S)(a I + Z) = f a I + (a S + f Z + S Z)
    whole.s = product_of(whole.s, z, 1, whole.s.mul(a).add_(z, whole.f), 1);
    whole.f *= a;
  }
  return whole;
}

}  // namespace

bool has_aligned_rows(const at::Tensor& x) {
  const auto bytes = static_cast<int64_t>(x.element_size());
  return reinterpret_cast<uintptr_t>(x.const_data_ptr()) % 16 == 0 && x.stride(2) == 1 &&
         x.stride(1) * bytes % 16 == 0 && (x.size(0) == 1 || x.stride(0) * bytes % 16 == 0);
}

bool is_symmetric_operand(const at::Tensor& a) {
  const bool half = a.scalar_type() == at::kHalf || a.scalar_type() == at::kBFloat16;
  return half && a.numel() > 0 && a.size(1) >= kMinRows && a.size(1) % 8 == 0 &&
         has_aligned_rows(a) && a.stride(1) <= std::numeric_limits<int>::max();
}

at::Tensor symmetric_product(const at::Tensor& a, const at::Tensor& b, double alpha,
                             const at::Tensor& d, double beta) {
  const int64_t batch = a.size(0), n = a.size(1), tiles = (n + kSymmetricTile - 1) / kSymmetricTile;
  const int64_t blocks = batch * tiles * (tiles + 1) / 2;
  if (blocks > std::numeric_limits<int>::max() || !is_available(a)) return {};
  auto c = at::empty({batch, n, n}, a.options());
  const SymmetricTask task{.a = numbers(a),
                           .b = numbers(b),
                           .d = numbers(d),
                           .c = static_cast<unsigned short*>(c.mutable_data_ptr()),
                           .a_batch = a.stride(0),
                           .b_batch = b.stride(0),
                           .c_batch = n * n,
                           .n = static_cast<int>(n),
                           .depth = static_cast<int>(a.size(2)),
                           .a_stride = static_cast<int>(a.stride(1)),
                           .b_stride = static_cast<int>(b.stride(1)),
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

at::Tensor by_symmetric_products(const at::Tensor& x, const PolynomialIteration& iteration) {
  const int64_t rows = std::min(x.size(1), x.size(2)), columns = std::max(x.size(1), x.size(2));
  if (rows < kMinRows || rows % 8 != 0 || columns % 8 != 0 || !is_available(x)) return {};
  auto y = start(x, iteration.safety);
  const auto steps = static_cast<int64_t>(iteration.steps.size());
  for (int64_t k = 0; k < steps; k = next_restart(iteration, k)) {
    const auto [f, s] = factor(iteration, product_of(y, y, 1), k, next_restart(iteration, k));
    y = at::baddbmm(y, s, y, f, 1);
  }
  return (x.size(1) > x.size(2) ? y.mT() : y).to(x.scalar_type()).contiguous();
}

}  // namespace steepest::cuda
