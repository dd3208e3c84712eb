// SPDX-License-Identifier: Apache-2.0
#include "steepest/cpu/gemm.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "steepest/cpu/gemm_kernel.h"
#include "steepest/cpu/scratch.h"

namespace steepest::cpu {
namespace {

constexpr int64_t kBlockRows = 96;          // of A, packed for the second cache
constexpr double kLeastParallel = 1 << 22;  // multiplications, below which one thread is quicker

int64_t rounded(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// A panel of kWidth rows of x, of which `rows` exist, step after step; zeros beyond them.
template <int64_t kWidth>
void pack_panel(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
                int64_t steps, float* to) {
  if (rows < kWidth) {
    std::fill_n(to, kWidth * steps, 0.0f);
    for (int64_t k = 0; k < steps; ++k)
      for (int64_t r = 0; r < rows; ++r) to[k * kWidth + r] = x[r * row_stride + k * column_stride];
  } else if (row_stride == 1) {
    for (int64_t k = 0; k < steps; ++k) std::copy_n(x + k * column_stride, kWidth, to + k * kWidth);
  } else {
    for (int64_t k = 0; k < steps; ++k)
      for (int64_t r = 0; r < kWidth; ++r)
        to[k * kWidth + r] = x[r * row_stride + k * column_stride];
  }
}

// The panels of x[first : first + count, from : from + steps].
void pack(const View& x, int64_t first, int64_t count, int64_t width, int64_t from, int64_t steps,
          float* to) {
  const auto panel = width == 6    ? pack_panel<6>
                     : width == 14 ? pack_panel<14>
                     : width == 16 ? pack_panel<16>
                                   : pack_panel<32>;
  for (int64_t i = 0; i < count; i += width, to += width * steps) {
    panel(x.data + (first + i) * x.row_stride + from * x.column_stride, x.row_stride,
          x.column_stride, std::min(width, count - i), steps, to);
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
        depth_(g.a.columns),
        block_(rounded(kBlockRows, kernel.rows)),
        blocks_((m_ + block_ - 1) / block_) {}

  void run() {
    const double work = static_cast<double>(m_) * static_cast<double>(n_) *
                        static_cast<double>(depth_) * (g_.symmetric ? .5 : 1);
    const bool alone =
        work < kLeastParallel || at::in_parallel_region() || at::get_num_threads() == 1;
    auto* const b = scratch<float>(Scratch::b_panels, rounded(n_, kernel_.columns) * kernel_.depth);
    for (int64_t k = 0; k < depth_ || k == 0; k += kernel_.depth) {
      const int64_t steps = std::min(kernel_.depth, depth_ - k);
      each(alone, (n_ + kernel_.columns - 1) / kernel_.columns, [&](int64_t panel) {
        const int64_t j = panel * kernel_.columns;
        pack(g_.b.transposed(), j, std::min(kernel_.columns, n_ - j), kernel_.columns, k, steps,
             b + j * steps);
      });
      each(alone, blocks_, [&](int64_t i) { block_row(balanced(i) * block_, k, steps, b); });
    }
    if (g_.symmetric) each(alone, blocks_, [&](int64_t i) { mirror(i * block_); });
  }

 private:
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

  void block_row(int64_t i0, int64_t k, int64_t steps, const float* b) {
    const int64_t rows = std::min(block_, m_ - i0);
    auto* const a = scratch<float>(Scratch::a_panels, block_ * kernel_.depth);
    pack(g_.a, i0, rows, kernel_.rows, k, steps, a);
    const int64_t end = g_.symmetric ? i0 + rows : n_;
    for (int64_t j = 0; j < end; j += kernel_.columns) {
      for (int64_t i = 0; i < rows; i += kernel_.rows) {
        if (g_.symmetric && j >= i0 + i + kernel_.rows) continue;  // above the diagonal
        tile(a + i * steps, b + j * steps, steps, i0 + i, j, k == 0);
      }
    }
    if (k + steps == depth_) finish(i0, rows);
  }

  void tile(const float* a, const float* b, int64_t steps, int64_t i, int64_t j, bool first) {
    float* const c = g_.c + i * n_ + j;
    const auto kernel = first ? kernel_.store : kernel_.add;
    const int64_t rows = std::min(kernel_.rows, m_ - i),
                  columns = std::min(kernel_.columns, n_ - j);
    if (rows == kernel_.rows && columns == kernel_.columns) return kernel(a, b, steps, c, n_);
    float whole[kMostTile];
    kernel_.store(a, b, steps, whole, kernel_.columns);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t s = 0; s < columns; ++s) {
        const float x = whole[r * kernel_.columns + s];
        c[r * n_ + s] = first ? x : c[r * n_ + s] + x;
      }
    }
  }

  // alpha, D and I, while the rows are in the cache.
  void finish(int64_t i0, int64_t rows) {
    for (int64_t i = i0; i < i0 + rows; ++i) {
      const int64_t end = g_.symmetric ? i + 1 : n_;
      float* const c = g_.c + i * n_;
      if (g_.d != nullptr) {
        const float* const d = g_.d + i * n_;
        for (int64_t j = 0; j < end; ++j) c[j] = g_.alpha * c[j] + g_.beta * d[j];
      } else if (g_.alpha != 1) {
        for (int64_t j = 0; j < end; ++j) c[j] *= g_.alpha;
      }
      if (g_.gamma != 0 && i < n_) c[i] += g_.gamma;
    }
  }

  // The lower triangle's rows from i0 on, as columns of the upper one.
  void mirror(int64_t i0) {
    constexpr int64_t kSide = 16;
    const int64_t end = std::min(i0 + block_, m_);
    for (int64_t i = i0; i < end; i += kSide) {
      for (int64_t j = 0; j < end; j += kSide) {
        for (int64_t r = i; r < std::min(i + kSide, end); ++r) {
          for (int64_t s = j; s < std::min(j + kSide, r); ++s) g_.c[s * n_ + r] = g_.c[r * n_ + s];
        }
      }
    }
  }

  const Gemm& g_;
  const KernelChoice& kernel_;
  int64_t m_, n_, depth_, block_, blocks_;
};

}  // namespace

bool has_gemm() { return kernel_choice() != nullptr; }

void gemm(const Gemm& product) { Product(product, *kernel_choice()).run(); }

}  // namespace steepest::cpu
