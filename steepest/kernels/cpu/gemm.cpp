// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/gemm.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "steepest/kernels/cpu/amx.h"
#include "steepest/kernels/cpu/every_cpu.h"
#include "steepest/kernels/cpu/gemm_kernel.h"
#include "steepest/kernels/cpu/power_of_two.h"
#include "steepest/kernels/cpu/scratch.h"

namespace steepest::cpu {
namespace {

constexpr int64_t kBlockRows = 96;        // rows of A that are packed for the second cache
constexpr double kMinParallel = 1 << 22;  // multiplications; for fewer one thread is quicker

int64_t rounded(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// Packs the panels of x[first : first + count, from : from + steps].
void pack(const View& x, int64_t first, int64_t count, int64_t width, int64_t from, int64_t steps,
          Pack pack_one, float scale, std::byte* to, int64_t panel_bytes) {
  for (int64_t i = 0; i < count; i += width, to += panel_bytes) {
    pack_one(x.data + (first + i) * x.row_stride + from * x.column_stride, x.row_stride,
             x.column_stride, std::min(width, count - i), steps, scale, to);
  }
}

// Rows of C, and of the D and E that are added to them.
struct Rows {
  float* c;
  const float *d, *e;  // e may be nullptr, or both
  int64_t c_stride, stride;
  int64_t first, count;  // the rows [first, first + count) of the matrix
  int64_t width;
  // Only the lower triangle: a row ends behind its diagonal element, at a whole vector, up to which
  // the tiles have filled it.
  bool triangle;
  float alpha, beta, epsilon;

  int64_t width_of(int64_t i) const {
    return triangle ? std::min(width, rounded(i + 1, kVector)) : width;
  }
  static constexpr int64_t kVector = 16;
};

// GCC lowers this vector to the registers that the processor has; for a plain loop GCC 12 takes
// half of AVX-512's.
typedef float Vector __attribute__((vector_size(Rows::kVector * sizeof(float))));

// The elements [j, n) of a row, behind its last whole vector. Returns `squares` and their squares.
template <bool kD, bool kE>
[[gnu::always_inline]] inline float combine_rest(const Rows& r, float* c, const float* d,
                                                 const float* e, int64_t j, int64_t n,
                                                 float squares) {
  for (; j < n; ++j) {
    float x = c[j] * r.alpha;
    if constexpr (kD) x += r.beta * d[j];
    if constexpr (kE) x += r.epsilon * e[j];
    c[j] = x;
    squares += x * x;
  }
  return squares;
}

template <bool kD, bool kE>
[[gnu::always_inline]] inline double combine(const Rows& r) {
  Vector squares = {};
  float rest = 0;  // squares behind the last whole vector
  double diagonal = 0;
  for (int64_t i = r.first; i < r.first + r.count; ++i) {
    float* const c = r.c + i * r.c_stride;
    const float *const d = r.d + (kD ? i * r.stride : 0), *const e = r.e + (kE ? i * r.stride : 0);
    const int64_t n = r.width_of(i);
    int64_t j = 0;
    for (; j + Rows::kVector <= n; j += Rows::kVector) {
      Vector x, y;  // y: elements of D, then of E
      __builtin_memcpy(&x, c + j, sizeof x);
      x *= r.alpha;
      if constexpr (kD) {
        __builtin_memcpy(&y, d + j, sizeof y);
        x += r.beta * y;
      }
      if constexpr (kE) {
        __builtin_memcpy(&y, e + j, sizeof y);
        x += r.epsilon * y;
      }
      __builtin_memcpy(c + j, &x, sizeof x);
      squares += x * x;
    }
    rest = combine_rest<kD, kE>(r, c, d, e, j, n, rest);
    if (r.triangle) diagonal += static_cast<double>(c[i] * c[i]);
  }
  double total = static_cast<double>(rest);
  for (int64_t k = 0; k < Rows::kVector; ++k) total += static_cast<double>(squares[k]);
  return r.triangle ? 2 * total - diagonal : total;
}

// C = alpha C + beta D + epsilon E for these rows. Returns the sum of their squares; for rows of a
// triangle that of the whole symmetric matrix, up to twice as much, as the elements beyond the
// diagonal in its last vector count too, but with the exact part of the diagonal.
STEEPEST_EVERY_CPU double combine(const Rows& r) {
  if (r.d == nullptr) return combine<false, false>(r);
  return r.e == nullptr ? combine<true, false>(r) : combine<true, true>(r);
}

// One product, as its loops share it.
class Product {
 public:
  Product(const Gemm& g, const KernelChoice& kernel)
      : g_(g),
        kernel_(kernel),
        m_(g.a.rows),
        n_(g.b.columns),
        stride_(g.c_stride == 0 ? n_ : g.c_stride),
        depth_(g.a.columns),
        block_(rounded(kBlockRows, kernel.a_width)),
        blocks_((m_ + block_ - 1) / block_),
        shared_(kernel.shares && transposes(g.a, g.b)),
        alpha_(g.alpha),
        squares_(g.c_norm == nullptr ? 0 : blocks_) {
    if (kernel.scaled_norm == 0) return;
    a_scale_ = power_of_two(kernel.scaled_norm / g.a_norm);
    b_scale_ = power_of_two(kernel.scaled_norm / g.b_norm);
    alpha_ = g.alpha / a_scale_ / b_scale_;
  }

  void run() {
    const double work = static_cast<double>(m_) * static_cast<double>(n_) *
                        static_cast<double>(depth_) * (g_.symmetric ? .5 : 1);
    const bool alone =
        work < kMinParallel || at::in_parallel_region() || at::get_num_threads() == 1;
    auto* const b = scratch<std::byte>(
        Scratch::b_panels, rounded(n_, kernel_.columns) * kernel_.depth * kernel_.bytes);
    for (int64_t k = 0; k < depth_ || k == 0; k += kernel_.depth) {
      const int64_t steps = std::min(kernel_.depth, depth_ - k);
      each(alone, (n_ + kernel_.columns - 1) / kernel_.columns, [&](int64_t panel) {
        const int64_t j = panel * kernel_.columns;
        pack(g_.b.transposed(), j, std::min(kernel_.columns, n_ - j), kernel_.columns, k, steps,
             kernel_.pack_b, b_scale_, b + bytes(j, steps), 0);
      });
      each(alone, blocks_, [&](int64_t i) { block_row(balanced(i) * block_, k, steps, b); });
    }
    if (g_.symmetric) each(alone, blocks_, [&](int64_t i) { mirror(i * block_); });
    if (g_.c_norm != nullptr)
      *g_.c_norm = std::sqrt(std::accumulate(squares_.begin(), squares_.end(), 0.0));
  }

 private:
  // Whether a = b^T, as the same memory.
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

  // The i-th block of rows in the order of work. In a triangle the last row is the longest: first
  // and last ones come in pairs, so that each thread gets the same work.
  int64_t balanced(int64_t i) const {
    if (!g_.symmetric) return i;
    return i % 2 == 0 ? i / 2 : blocks_ - 1 - i / 2;
  }

  // The size of panels with `width` elements a step.
  int64_t bytes(int64_t width, int64_t steps) const {
    return width * rounded(steps, kernel_.unit) * kernel_.bytes;
  }

  void block_row(int64_t i0, int64_t k, int64_t steps, const std::byte* b) {
    const int64_t rows = std::min(block_, m_ - i0);
    std::byte* a = nullptr;
    if (!shared_) {
      a = scratch<std::byte>(Scratch::a_panels, bytes(block_, kernel_.depth));
      pack(g_.a, i0, rows, kernel_.a_width, k, steps, kernel_.pack_a, a_scale_, a,
           bytes(kernel_.a_width, steps));
    }
    const int64_t end = g_.symmetric ? i0 + rows : n_;
    for (int64_t j = 0; j < end; j += kernel_.columns) {
      for (int64_t i = 0; i < rows; i += kernel_.rows) {
        if (g_.symmetric && j >= i0 + i + kernel_.rows) continue;  // above the diagonal
        const std::byte* const panel = shared_ ? row_in(b, kernel_.columns, i0 + i, steps)
                                               : row_in(a, kernel_.a_width, i, steps);
        tile(panel, b + bytes(j, steps), steps, i0 + i, j, k == 0);
      }
    }
    if (k + steps == depth_) finish(i0, rows);
  }

  // The element of row i in the first step, in panels of `width` rows.
  const std::byte* row_in(const std::byte* panels, int64_t width, int64_t i, int64_t steps) const {
    const int64_t within = i % width;
    return panels + bytes(i - within, steps) + within * kernel_.bytes;
  }

  void tile(const std::byte* a, const std::byte* b, int64_t steps, int64_t i, int64_t j,
            bool first) {
    float* const c = g_.c + i * stride_ + j;
    const auto kernel = first ? kernel_.store : kernel_.add;
    const int64_t a_stride = shared_ ? kernel_.columns : kernel_.a_width;
    const int64_t rows = std::min(kernel_.rows, m_ - i),
                  columns = std::min(kernel_.columns, n_ - j);
    if (rows == kernel_.rows && columns == kernel_.columns)
      return kernel(a, a_stride, b, steps, c, stride_);
    float whole[kMaxTileElements];
    kernel_.store(a, a_stride, b, steps, whole, kernel_.columns);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t s = 0; s < columns; ++s) {
        const float x = whole[r * kernel_.columns + s];
        c[r * stride_ + s] = first ? x : c[r * stride_ + s] + x;
      }
    }
  }

  // Applies alpha, D and E while the rows are in the cache.
  void finish(int64_t i0, int64_t rows) {
    if (g_.d == nullptr && alpha_ == 1 && g_.c_norm == nullptr) return;
    const double squares = combine({.c = g_.c,
                                    .d = g_.d,
                                    .e = g_.e,
                                    .c_stride = stride_,
                                    .stride = n_,
                                    .first = i0,
                                    .count = rows,
                                    .width = n_,
                                    .triangle = g_.symmetric,
                                    .alpha = alpha_,
                                    .beta = g_.beta,
                                    .epsilon = g_.epsilon});
    if (g_.c_norm != nullptr) squares_[i0 / block_] = squares;
  }

  // Copies a block of rows of the lower triangle, from i0 on, to columns of the upper one.
  void mirror(int64_t i0) {
    constexpr int64_t kSide = kMirrorSide;
    const Mirror fast = float_kernel() == nullptr ? nullptr : float_kernel()->mirror;
    const int64_t end = std::min(i0 + block_, m_);
    for (int64_t i = i0; i < end; i += kSide) {
      for (int64_t j = 0; j <= i; j += kSide) {
        if (fast != nullptr && i + kSide <= end) {
          fast(g_.c + i * stride_ + j, g_.c + j * stride_ + i, stride_, i == j);
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
  float alpha_, a_scale_ = 1, b_scale_ = 1;
  std::vector<double> squares_;  // the sum of squares of each block of C
};

const KernelChoice& kernel_for(c10::ScalarType operand_dtype) {
  switch (operand_dtype) {
    case c10::kBFloat16:
      return *amx_kernel();
    case c10::kHalf:
      return *fp16_kernel();
    default:
      return *float_kernel();
  }
}

}  // namespace

bool has_gemm() { return float_kernel() != nullptr; }

c10::ScalarType fast_operand_dtype() {
  if (has_amx()) return c10::kBFloat16;
  return fp16_kernel() != nullptr ? c10::kHalf : c10::kFloat;
}

void gemm(const Gemm& product) { Product(product, kernel_for(product.operand_dtype)).run(); }

}  // namespace steepest::cpu
