// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/gemm.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "steepest/kernels/cpu/amx.h"
#include "steepest/kernels/cpu/gemm_kernel.h"
#include "steepest/kernels/cpu/gemm_rows.h"
#include "steepest/kernels/cpu/power_of_two.h"
#include "steepest/kernels/cpu/scratch.h"

namespace steepest::cpu {
namespace {

constexpr int64_t kBlockRows = 96;        // rows of A that are packed for the second cache
constexpr double kMinParallel = 1 << 22;  // multiplications; for fewer one thread is quicker

int64_t rounded(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// The steps [begin, begin + count) of the sums: columns of A and rows of B.
struct Steps {
  int64_t begin, count;
};

// The operands A and B as the kernel reads them: packed in panels, for some steps at a time.
class Operands {
 public:
  Operands(const Gemm& g, const KernelChoice& kernel)
      : g_(g), kernel_(kernel), shares_panels_(kernel.shares && transposes(g.a, g.b)) {
    b_panels_ = scratch<std::byte>(
        Scratch::b_panels, rounded(g.b.columns, kernel.columns) * kernel.depth * kernel.bytes);
    if (kernel.scaled_norm == 0) return;
    a_scale_ = power_of_two(kernel.scaled_norm / g.a_norm);
    b_scale_ = power_of_two(kernel.scaled_norm / g.b_norm);
  }

  // The alpha of the product of the operands as they are packed, which may be scaled.
  float alpha() const { return g_.alpha / a_scale_ / b_scale_; }

  // Packs the columns of B from j on that make one panel.
  void pack_columns(int64_t j, Steps steps) const {
    const View b = g_.b.transposed();
    kernel_.pack_b(element(b, j, steps.begin), b.row_stride, b.column_stride,
                   std::min(kernel_.columns, b.rows - j), steps.count, b_scale_,
                   b_panels_ + bytes(j, steps.count));
  }

  // Packs `count` rows of A from `first` on, up to a block of them, into this thread's memory.
  // nullptr where the panels of B serve as those of A.
  const std::byte* pack_rows(int64_t first, int64_t count, Steps steps) const {
    if (shares_panels_) return nullptr;
    const int64_t width = kernel_.a_width;
    auto* const panels =
        scratch<std::byte>(Scratch::a_panels, bytes(rounded(kBlockRows, width), kernel_.depth));
    for (int64_t i = 0; i < count; i += width) {
      kernel_.pack_a(element(g_.a, first + i, steps.begin), g_.a.row_stride, g_.a.column_stride,
                     std::min(width, count - i), steps.count, a_scale_,
                     panels + bytes(i, steps.count));
    }
    return panels;
  }

  // Where the packed row first + i of A begins, for rows = pack_rows(first, ..) of so many steps.
  const std::byte* row(const std::byte* rows, int64_t first, int64_t i, int64_t steps) const {
    if (shares_panels_) rows = b_panels_, i += first;
    const int64_t within = i % row_stride();
    return rows + bytes(i - within, steps) + within * kernel_.bytes;
  }
  // How many elements apart the steps of such a row are.
  int64_t row_stride() const { return shares_panels_ ? kernel_.columns : kernel_.a_width; }
  // Where the packed panel of B begins whose first column is j, for so many steps.
  const std::byte* columns(int64_t j, int64_t steps) const { return b_panels_ + bytes(j, steps); }

 private:
  // Whether a = b^T, as the same memory.
  static bool transposes(const View& a, const View& b) {
    return a.data == b.data && a.rows == b.columns && a.columns == b.rows &&
           a.row_stride == b.column_stride && a.column_stride == b.row_stride;
  }
  static const float* element(const View& x, int64_t i, int64_t j) {
    return x.data + i * x.row_stride + j * x.column_stride;
  }
  // The size of panels with `width` elements a step.
  int64_t bytes(int64_t width, int64_t steps) const {
    return width * rounded(steps, kernel_.unit) * kernel_.bytes;
  }

  const Gemm& g_;
  const KernelChoice& kernel_;
  bool shares_panels_;
  std::byte* b_panels_;  // of the thread that begins the product
  float a_scale_ = 1, b_scale_ = 1;
};

// One product, whose loops go over slices of its steps, blocks of rows of C, and tiles of these.
class Product {
 public:
  Product(const Gemm& g, const KernelChoice& kernel)
      : g_(g),
        kernel_(kernel),
        operands_(g, kernel),
        m_(g.a.rows),
        n_(g.b.columns),
        stride_(g.c_stride == 0 ? n_ : g.c_stride),
        block_(rounded(kBlockRows, kernel.a_width)),
        blocks_((m_ + block_ - 1) / block_),
        squares_(g.c_norm == nullptr ? 0 : blocks_) {}

  void run() {
    const int64_t depth = g_.a.columns;
    const double work = static_cast<double>(m_) * static_cast<double>(n_) *
                        static_cast<double>(depth) * (g_.symmetric ? .5 : 1);
    const bool alone =
        work < kMinParallel || at::in_parallel_region() || at::get_num_threads() == 1;
    for (int64_t k = 0; k < depth || k == 0; k += kernel_.depth) {
      const Steps steps{k, std::min(kernel_.depth, depth - k)};
      each(alone, (n_ + kernel_.columns - 1) / kernel_.columns,
           [&](int64_t panel) { operands_.pack_columns(panel * kernel_.columns, steps); });
      each(alone, blocks_, [&](int64_t i) { multiply_block(balanced(i) * block_, steps); });
    }
    if (g_.symmetric) {
      each(alone, blocks_, [&](int64_t i) {
        mirror_rows(g_.c, stride_, i * block_, std::min((i + 1) * block_, m_));
      });
    }
    if (g_.c_norm != nullptr)
      *g_.c_norm = std::sqrt(std::accumulate(squares_.begin(), squares_.end(), 0.0));
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

  // The i-th block of rows in the order of work. In a triangle the last row is the longest: first
  // and last ones come in pairs, so that each thread gets the same work.
  int64_t balanced(int64_t i) const {
    if (!g_.symmetric) return i;
    return i % 2 == 0 ? i / 2 : blocks_ - 1 - i / 2;
  }

  // Adds the products of these steps to a block of rows of C, from row i0 on.
  void multiply_block(int64_t i0, Steps steps) {
    const int64_t rows = std::min(block_, m_ - i0);
    const std::byte* const a = operands_.pack_rows(i0, rows, steps);
    const int64_t end = g_.symmetric ? i0 + rows : n_;
    for (int64_t j = 0; j < end; j += kernel_.columns) {
      const std::byte* const b = operands_.columns(j, steps.count);
      for (int64_t i = 0; i < rows; i += kernel_.rows) {
        if (g_.symmetric && j >= i0 + i + kernel_.rows) continue;  // above the diagonal
        multiply_tile(operands_.row(a, i0, i, steps.count), b, steps, i0 + i, j);
      }
    }
    if (steps.begin + steps.count == g_.a.columns) finish_block(i0, rows);
  }

  // Adds the products of these steps to the tile of C whose first element is (i, j), or writes them
  // where they are the first. a and b: its rows of A and its columns of B, packed for these steps.
  void multiply_tile(const std::byte* a, const std::byte* b, Steps steps, int64_t i,
                     int64_t j) const {
    float* const c = g_.c + i * stride_ + j;
    const bool first = steps.begin == 0;
    const auto kernel = first ? kernel_.store : kernel_.add;
    const int64_t a_stride = operands_.row_stride();
    const int64_t rows = std::min(kernel_.rows, m_ - i),
                  columns = std::min(kernel_.columns, n_ - j);
    if (rows == kernel_.rows && columns == kernel_.columns)
      return kernel(a, a_stride, b, steps.count, c, stride_);
    float whole[kMaxTileElements];
    kernel_.store(a, a_stride, b, steps.count, whole, kernel_.columns);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t s = 0; s < columns; ++s) {
        const float x = whole[r * kernel_.columns + s];
        c[r * stride_ + s] = first ? x : c[r * stride_ + s] + x;
      }
    }
  }

  // Applies alpha, D and E to the rows while they are in the cache.
  void finish_block(int64_t i0, int64_t rows) {
    const float alpha = operands_.alpha();
    if (g_.d == nullptr && alpha == 1 && g_.c_norm == nullptr) return;
    const double squares = combine_rows({.c = g_.c,
                                         .d = g_.d,
                                         .e = g_.e,
                                         .c_stride = stride_,
                                         .stride = n_,
                                         .first = i0,
                                         .count = rows,
                                         .width = n_,
                                         .triangle = g_.symmetric,
                                         .alpha = alpha,
                                         .beta = g_.beta,
                                         .epsilon = g_.epsilon});
    if (g_.c_norm != nullptr) squares_[i0 / block_] = squares;
  }

  const Gemm& g_;
  const KernelChoice& kernel_;
  Operands operands_;
  int64_t m_, n_, stride_, block_, blocks_;
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
