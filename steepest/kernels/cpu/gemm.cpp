// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/gemm.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "steepest/kernels/cpu/gemm_rows.h"
#include "steepest/kernels/cpu/power_of_two.h"
#include "steepest/kernels/cpu/scratch.h"

namespace steepest::cpu {
namespace {

constexpr int64_t kBlockRows = 96;        // rows of A that are packed for the second cache
constexpr double kMinParallel = 1 << 22;  // multiplications; for fewer one thread is quicker

// Returns the smallest multiple of `step` that is at least n.
int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// The steps [begin, begin + count), indices k of C_ij = sum_k A_ik B_kj: columns of A and rows of
// B.
struct Steps {
  int64_t begin, count;
};

// The operands A and B as the kernel reads them: packed in panels, for some steps at a time.
class Operands {
 public:
  // Takes scratch memory of this thread for the panels of B, and chooses the scales of a kernel
  // that needs them. Both arguments have to outlive it.
  Operands(const Gemm& g, const KernelChoice& kernel)
      : g_(g), kernel_(kernel), shares_panels_(kernel.shares && is_transpose(g.a, g.b)) {
    b_panels_ = scratch<std::byte>(
        Scratch::b_panels, round_up(g.b.columns, kernel.columns) * kernel.depth * kernel.bytes);
    if (kernel.scaled_norm == 0) return;
    a_scale_ = power_of_two(kernel.scaled_norm / g.a_norm);
    b_scale_ = power_of_two(kernel.scaled_norm / g.b_norm);
  }

  // Returns the factor that turns the product of the operands as they are packed, which may be
  // scaled, into alpha A B.
  float alpha() const { return g_.alpha / a_scale_ / b_scale_; }

  // Packs one panel of B, its columns from j on (fewer at the edge), for these `steps`, a range of
  // the k in sum_k A_ik B_kj. Panels are disjoint, so that threads may pack them at the same time.
  void pack_columns(int64_t j, Steps steps) const {
    const View b = g_.b.transposed();
    kernel_.pack_b(address(b, j, steps.begin), b.row_stride, b.column_stride,
                   std::min(kernel_.columns, b.rows - j), steps.count, b_scale_,
                   b_panels_ + panel_bytes(j, steps.count));
  }

  // Packs `count` rows of A from `first` on, up to a block of them, for these `steps`, a range of
  // the k in sum_k A_ik B_kj, into this thread's memory. Returns where they begin, for
  // packed_row(), or nullptr where A is B^T and the panels of B serve as those of A.
  const std::byte* pack_rows(int64_t first, int64_t count, Steps steps) const {
    if (shares_panels_) return nullptr;
    const int64_t width = kernel_.a_width;
    auto* const panels = scratch<std::byte>(
        Scratch::a_panels, panel_bytes(round_up(kBlockRows, width), kernel_.depth));
    for (int64_t i = 0; i < count; i += width) {
      kernel_.pack_a(address(g_.a, first + i, steps.begin), g_.a.row_stride, g_.a.column_stride,
                     std::min(width, count - i), steps.count, a_scale_,
                     panels + panel_bytes(i, steps.count));
    }
    return panels;
  }

  // Returns where row first + i of A, the first of a tile, begins as it is packed, for rows =
  // pack_rows(first, ..) and the number of steps that were packed. Its next step is step_stride()
  // elements on.
  const std::byte* packed_row(const std::byte* rows, int64_t first, int64_t i,
                              int64_t steps) const {
    if (shares_panels_) rows = b_panels_, i += first;
    const int64_t within = i % step_stride();
    return rows + panel_bytes(i - within, steps) + within / kernel_.rows * kernel_.tile_bytes;
  }
  // Returns how many elements apart two neighbours in a packed row of A, A_ik and A_i,k+1, are: the
  // width of its panel.
  int64_t step_stride() const { return shares_panels_ ? kernel_.columns : kernel_.a_width; }
  // Returns where the panel of B begins whose first column is j, `steps` being the number of packed
  // steps.
  const std::byte* packed_columns(int64_t j, int64_t steps) const {
    return b_panels_ + panel_bytes(j, steps);
  }

 private:
  // Whether a is b^T as the same memory, as in X X^T: then one packing may serve for both.
  static bool is_transpose(const View& a, const View& b) {
    return a.data == b.data && a.rows == b.columns && a.columns == b.rows &&
           a.row_stride == b.column_stride && a.column_stride == b.row_stride;
  }
  // Returns the address of element (i, j) of x.
  static const float* address(const View& x, int64_t i, int64_t j) {
    return x.data + i * x.row_stride + j * x.column_stride;
  }
  // Returns the size in bytes of panels with `width` elements a step, whose steps are filled up to
  // whole units of the kernel.
  int64_t panel_bytes(int64_t width, int64_t steps) const {
    return width * round_up(steps, kernel_.unit) * kernel_.bytes;
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
  // Makes ready to compute what g says with this kernel. Both have to outlive it.
  Product(const Gemm& g, const KernelChoice& kernel)
      : g_(g),
        kernel_(kernel),
        operands_(g, kernel),
        m_(g.a.rows),
        n_(g.b.columns),
        stride_(g.c_stride == 0 ? n_ : g.c_stride),
        block_(round_up(kBlockRows, kernel.a_width)),
        blocks_((m_ + block_ - 1) / block_),
        squares_(g.c_norm == nullptr ? 0 : blocks_) {}

  // Computes the product. For each slice of steps it packs B, then adds to C block by block of
  // rows; a symmetric C is mirrored at the end. Threads share the panels of a packing, and then the
  // blocks.
  void run() {
    const int64_t depth = g_.a.columns;
    const double work = static_cast<double>(m_) * static_cast<double>(n_) *
                        static_cast<double>(depth) * (g_.symmetric ? .5 : 1);
    const bool one_thread =
        work < kMinParallel || at::in_parallel_region() || at::get_num_threads() == 1;
    for (int64_t k = 0; k < depth || k == 0; k += kernel_.depth) {
      const Steps steps{k, std::min(kernel_.depth, depth - k)};
      for_each(one_thread, (n_ + kernel_.columns - 1) / kernel_.columns,
               [&](int64_t panel) { operands_.pack_columns(panel * kernel_.columns, steps); });
      for_each(one_thread, blocks_,
               [&](int64_t i) { multiply_block(block_at(i) * block_, steps); });
    }
    if (g_.symmetric) {
      for_each(one_thread, blocks_, [&](int64_t i) {
        mirror_rows(g_.c, stride_, i * block_, std::min((i + 1) * block_, m_));
      });
    }
    if (g_.c_norm != nullptr)
      *g_.c_norm = std::sqrt(std::accumulate(squares_.begin(), squares_.end(), 0.0));
  }

 private:
  // Runs body(0) to body(n - 1), in their order on this thread or divided among all.
  static void for_each(bool one_thread, int64_t n, const auto& body) {
    const auto range = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) body(i);
    };
    if (one_thread) {
      range(0, n);
    } else {
      at::parallel_for(0, n, 1, range);
    }
  }

  // Returns the number of the i-th block of rows in the order of work. In a triangle the last row
  // is the longest: first and last ones come in pairs, so that each thread gets the same work.
  int64_t block_at(int64_t i) const {
    if (!g_.symmetric) return i;
    return i % 2 == 0 ? i / 2 : blocks_ - 1 - i / 2;
  }

  // Adds the products of these steps (a range of k in C_ij = sum_k A_ik B_kj) to a block of rows of
  // C, from row i0 on, tile by tile; of a symmetric C only the tiles that reach the diagonal or lie
  // below it. After the last steps the block is finished, by finish_block().
  void multiply_block(int64_t i0, Steps steps) {
    const int64_t rows = std::min(block_, m_ - i0);
    const std::byte* const a = operands_.pack_rows(i0, rows, steps);
    const int64_t end = g_.symmetric ? i0 + rows : n_;
    for (int64_t j = 0; j < end; j += kernel_.columns) {
      const std::byte* const b = operands_.packed_columns(j, steps.count);
      for (int64_t i = 0; i < rows; i += kernel_.rows) {
        if (g_.symmetric && j >= i0 + i + kernel_.rows) continue;  // above the diagonal
        multiply_tile(operands_.packed_row(a, i0, i, steps.count), b, steps, i0 + i, j);
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
    auto kernel = first ? kernel_.store : kernel_.add;
    if (kernel_.store_half != nullptr && is_half_above(i, j))
      kernel = first ? kernel_.store_half : kernel_.add_half;
    const int64_t a_stride = operands_.step_stride();
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

  // Whether the right half of the tile whose first element is (i, j) lies above the diagonal of a
  // symmetric C, where mirroring fills it.
  bool is_half_above(int64_t i, int64_t j) const {
    return g_.symmetric && j + kernel_.columns / 2 >= i + kernel_.rows;
  }

  // Computes C <- alpha C + beta D + epsilon E, as far as the product asks for it, for the `rows`
  // rows of C from i0 on, while they are in the cache and once all steps are summed; keeps the sum
  // of their squares where the norm of C is asked for.
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

}  // namespace

bool has_gemm() { return float_kernel() != nullptr; }

void gemm(const Gemm& product) {
  Product(product, product.kernel != nullptr ? *product.kernel : *float_kernel()).run();
}

}  // namespace steepest::cpu
