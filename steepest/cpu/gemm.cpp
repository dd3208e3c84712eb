// SPDX-License-Identifier: Apache-2.0
#include "steepest/cpu/gemm.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "steepest/cpu/every_cpu.h"
#include "steepest/cpu/gemm_kernel.h"
#include "steepest/cpu/scratch.h"

namespace steepest::cpu {
namespace {

constexpr int64_t kBlockRows = 96;          // of A, packed for the second cache
constexpr double kLeastParallel = 1 << 22;  // multiplications, below which one thread is quicker

int64_t rounded(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// The panels of x[first : first + count, from : from + steps].
void pack(const View& x, int64_t first, int64_t count, int64_t width, int64_t from, int64_t steps,
          Pack pack_one, std::byte* to, int64_t panel_bytes) {
  for (int64_t i = 0; i < count; i += width, to += panel_bytes) {
    pack_one(x.data + (first + i) * x.row_stride + from * x.column_stride, x.row_stride,
             x.column_stride, std::min(width, count - i), steps, to);
  }
}

// c = alpha c + beta d; d may be missing.
STEEPEST_EVERY_CPU void combine(float* c, float alpha, const float* d, float beta, int64_t n) {
  if (d == nullptr) {
#pragma omp simd
    for (int64_t j = 0; j < n; ++j) c[j] *= alpha;
  } else {
#pragma omp simd
    for (int64_t j = 0; j < n; ++j) c[j] = alpha * c[j] + beta * d[j];
  }
}

// One product: the numbers that its loops share.
class Product {
 public:
  Product(const Gemm& g, const KernelChoice& kernel)
      : g_(g),
        kernel_(kernel),
        m_(g.a.rows),
        n_(g.b.columns),
        stride_(g.c_stride == 0 ? n_ : g.c_stride),
        depth_(g.a.columns),
        block_(rounded(kBlockRows, kernel.rows)),
        blocks_((m_ + block_ - 1) / block_),
        shared_(kernel.shares && transposes(g.a, g.b)) {}

  void run() {
    const double work = static_cast<double>(m_) * static_cast<double>(n_) *
                        static_cast<double>(depth_) * (g_.symmetric ? .5 : 1);
    const bool alone =
        work < kLeastParallel || at::in_parallel_region() || at::get_num_threads() == 1;
    auto* const b = scratch<std::byte>(
        Scratch::b_panels, rounded(n_, kernel_.columns) * kernel_.depth * kernel_.bytes);
    for (int64_t k = 0; k < depth_ || k == 0; k += kernel_.depth) {
      const int64_t steps = std::min(kernel_.depth, depth_ - k);
      each(alone, (n_ + kernel_.columns - 1) / kernel_.columns, [&](int64_t panel) {
        const int64_t j = panel * kernel_.columns;
        pack(g_.b.transposed(), j, std::min(kernel_.columns, n_ - j), kernel_.columns, k, steps,
             kernel_.pack_b, b + bytes(j, steps), 0);
      });
      each(alone, blocks_, [&](int64_t i) { block_row(balanced(i) * block_, k, steps, b); });
    }
    if (g_.symmetric) each(alone, blocks_, [&](int64_t i) { mirror(i * block_); });
  }

 private:
  // a = b^T, number for number in memory.
  static bool transposes(const View& a, const View& b) {
    return a.data == b.data && a.rows == b.columns && a.columns == b.rows &&
           a.row_stride == b.column_stride && a.column_stride == b.row_stride;
  }

  static void each(bool alone, int64_t n, const auto& body) {
    const auto range = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) body(i);
    };
    if (alone) {
      range(0, n);
    } else {
      at::parallel_for(0, n, 1, range);
    }
  }

  // Of a triangle the last row is the longest: first and last ones in pairs, so that every thread's
  // stretch of them has the same work.
  int64_t balanced(int64_t i) const {
    if (!g_.symmetric) return i;
    return i % 2 == 0 ? i / 2 : blocks_ - 1 - i / 2;
  }

  // Of panels of `width` numbers a step.
  int64_t bytes(int64_t width, int64_t steps) const {
    return width * rounded(steps, kernel_.unit) * kernel_.bytes;
  }

  void block_row(int64_t i0, int64_t k, int64_t steps, const std::byte* b) {
    const int64_t rows = std::min(block_, m_ - i0);
    std::byte* a = nullptr;
    if (!shared_) {
      a = scratch<std::byte>(Scratch::a_panels, bytes(block_, kernel_.depth));
      pack(g_.a, i0, rows, kernel_.rows, k, steps, kernel_.pack_a, a, bytes(kernel_.rows, steps));
    }
    const int64_t end = g_.symmetric ? i0 + rows : n_;
    for (int64_t j = 0; j < end; j += kernel_.columns) {
      for (int64_t i = 0; i < rows; i += kernel_.rows) {
        if (g_.symmetric && j >= i0 + i + kernel_.rows) continue;  // above the diagonal
        const std::byte* const panel = shared_ ? in_b(b, i0 + i, steps) : a + bytes(i, steps);
        tile(panel, b + bytes(j, steps), steps, i0 + i, j, k == 0);
      }
    }
    if (k + steps == depth_) finish(i0, rows);
  }

  // Row i of A = B^T: its number of the first step in B's panels.
  const std::byte* in_b(const std::byte* b, int64_t i, int64_t steps) const {
    const int64_t within = i % kernel_.columns;
    return b + bytes(i - within, steps) + within * kernel_.bytes;
  }

  void tile(const std::byte* a, const std::byte* b, int64_t steps, int64_t i, int64_t j,
            bool first) {
    float* const c = g_.c + i * stride_ + j;
    const auto kernel = first ? kernel_.store : kernel_.add;
    const int64_t a_stride = shared_ ? kernel_.columns : kernel_.rows;
    const int64_t rows = std::min(kernel_.rows, m_ - i),
                  columns = std::min(kernel_.columns, n_ - j);
    if (rows == kernel_.rows && columns == kernel_.columns)
      return kernel(a, a_stride, b, steps, c, stride_);
    float whole[kMostTile];
    kernel_.store(a, a_stride, b, steps, whole, kernel_.columns);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t s = 0; s < columns; ++s) {
        const float x = whole[r * kernel_.columns + s];
        c[r * stride_ + s] = first ? x : c[r * stride_ + s] + x;
      }
    }
  }

  // alpha, D and E, while the rows are in the cache.
  void finish(int64_t i0, int64_t rows) {
    for (int64_t i = i0; i < i0 + rows; ++i) {
      const int64_t end = g_.symmetric ? i + 1 : n_;
      float* const c = g_.c + i * stride_;
      const float* const d = g_.d == nullptr ? nullptr : g_.d + i * n_;
      const float* const e = g_.e == nullptr ? nullptr : g_.e + i * n_;
      if (d != nullptr || g_.alpha != 1) combine(c, g_.alpha, d, g_.beta, end);
      if (e != nullptr) combine(c, 1, e, g_.epsilon, end);
    }
  }

  // The lower triangle's rows from i0 on, as columns of the upper one.
  void mirror(int64_t i0) {
    constexpr int64_t kSide = 16;
    const int64_t end = std::min(i0 + block_, m_);
    for (int64_t i = i0; i < end; i += kSide) {
      for (int64_t j = 0; j < end; j += kSide) {
        if (kernel_.transpose != nullptr && j + kSide <= i && i + kSide <= end) {
          kernel_.transpose(g_.c + i * stride_ + j, g_.c + j * stride_ + i, stride_);
          continue;
        }
        for (int64_t r = i; r < std::min(i + kSide, end); ++r) {
          for (int64_t s = j; s < std::min(j + kSide, r); ++s)
            g_.c[s * stride_ + r] = g_.c[r * stride_ + s];
        }
      }
    }
  }

  const Gemm& g_;
  const KernelChoice& kernel_;
  int64_t m_, n_, stride_, depth_, block_, blocks_;
  bool shared_;
};

}  // namespace

bool has_gemm() { return float_kernel() != nullptr; }

void gemm(const Gemm& product) {
  Product(product, product.half ? *amx_kernel() : *float_kernel()).run();
}

}  // namespace steepest::cpu
