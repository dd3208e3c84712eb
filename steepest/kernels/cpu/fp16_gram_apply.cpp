// SPDX-License-Identifier: Apache-2.0
// gram_apply.h in float16. A is rounded once, panel by panel, and a panel stays in the second cache
// for both products:
//   [chunks of 256 steps] [rows of the panel] [the chunk]
// As in fp16_kernel.cpp, some steps make one lane: two for an X of 16 columns, four for one of 8.
// The elements of A in a lane, broadcast to a register, are multiplied
//   in the first product    by the same rows of X; the parts of a sum are added at the end;
//   in the second product   by one element of Y each; their sums are as many rows of Z.
// Sums over a chunk, and over a panel, are in float16; they are added up in float32.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "steepest/kernels/cpu/every_cpu.h"
#include "steepest/kernels/cpu/fp16_panels.h"
#include "steepest/kernels/cpu/gram_apply.h"
#include "steepest/kernels/cpu/row_partition.h"
#include "steepest/kernels/cpu/scratch.h"
#include "steepest/kernels/cpu/work_queue.h"

namespace steepest::cpu {

#if STEEPEST_HAS_FP16
namespace {

constexpr int64_t kMaxBytes = int64_t{64} << 20;  // the size of the rounded matrix

// A is scaled to a root mean square of kTypical, and X to a norm of kXNorm a column: these
// elements and their sums over a row are far from float16's ends.
constexpr double kTypical = .25, kXNorm = 64;
// The scale is found from some rows; the root mean square of all of them has to lie in between.
constexpr double kMinTypical = kTypical / 64, kMaxTypical = kTypical * 16;

// Returns the size in bytes of a rounded panel: kPanel rows of `columns` float16, in whole chunks.
int64_t panel_bytes(int64_t columns) {
  return (columns + kChunk - 1) / kChunk * kPanel * kChunkRow;
}
// Returns the size in bytes of a rounded matrix [rows, columns]: its panels, one after another.
int64_t rounded_bytes(int64_t rows, int64_t columns) {
  return (rows + kPanel - 1) / kPanel * panel_bytes(columns);
}
// Returns the offset in bytes of the element in row `row` and column k of a panel: chunk after
// chunk of columns, in each of them row after row, and two bytes an element.
int64_t offset_in_panel(int64_t row, int64_t k) {
  return (k / kChunk * kPanel + row) * kChunkRow + k % kChunk * 2;
}

// to[i] += x[i] for n elements.
STEEPEST_EVERY_CPU void accumulate(const float* x, int64_t n, float* to) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) to[i] += x[i];
}

// Rounds the 32 elements scale * from[i] to float16 into `to`, and adds their squares to `squares`.
STEEPEST_FP16 [[gnu::always_inline]] inline void round_piece(const float* from, float scale,
                                                             std::byte* to, Sixteen& squares) {
  const Sixteen first = load<Sixteen>(from) * scale, second = load<Sixteen>(from + 16) * scale;
  squares += first * first + second * second;
  const Words piece = rounded_row(from, scale);
  __builtin_memcpy(to, &piece, sizeof piece);
}

// Rounds scale a [rows, columns], rows of one panel, to float16, into `to` in the order of
// offset_in_panel(), with zeros up to whole groups of rows and filled(columns) columns. Returns the
// sum of the squares of the elements of scale a, before they are rounded.
STEEPEST_FP16 double round_panel(const float* a, int64_t rows, int64_t columns, float scale,
                                 std::byte* to) {
  constexpr int64_t kAhead = 1024;  // elements of a row by which the prefetch runs ahead
  Sixteen squares = {};
  const int64_t groups = (rows + kGroup - 1) / kGroup * kGroup;
  for (int64_t r = 0; r < groups; ++r) {
    const float* const row = a + r * columns;
    int64_t k = 0;
    for (; r < rows && k + kPiece <= columns; k += kPiece) {
      __builtin_prefetch(row + k + kAhead);
      __builtin_prefetch(row + k + kAhead + 16);
      round_piece(row + k, scale, to + offset_in_panel(r, k), squares);
    }
    for (; k < filled(columns); k += kPiece) {
      float last[kPiece] = {};
      if (r < rows && k < columns) std::copy(row + k, row + columns, last);
      round_piece(last, scale, to + offset_in_panel(r, k), squares);
    }
  }
  double sum = 0;
  for (int i = 0; i < 16; ++i) sum += static_cast<double>(squares[i]);
  return sum;
}

// Returns the root mean square of the elements in up to 16 rows of A [rows, columns], spread evenly
// over it: a guess at that of all elements, for which A is not read once more.
double sampled_rms(const float* a, int64_t rows, int64_t columns) {
  constexpr int64_t kSome = 16;
  const int64_t some = std::min(kSome, rows);
  double square = 0;
  for (int64_t i = 0; i < some; ++i) square += square_of(a + i * rows / some * columns, columns);
  return std::sqrt(square / static_cast<double>(some * columns));
}

// y = A x for a panel, and z += A^T y, in the units of the rounded A and x.
template <int64_t kWidth>
class Panel {
 public:
  // a: a rounded panel of `count` rows of A, each of `columns` elements.
  Panel(const std::byte* a, int64_t count, int64_t columns)
      : a_(a), rows_((count + kGroup - 1) / kGroup * kGroup), size_(filled(columns)) {}

  // Writes Y = A X of the panel's rows in float32, which y() gives, and adds A^T Y to z, of the
  // rounded, scaled A and X. x is X as Lanes::pack_x() packs it; z is float32 and has the kParts
  // rows of each register column after column, as x has. Each product prefetches the elements of A
  // that lie a chunk ahead.
  void multiply(const std::byte* x, float* z) {
    using By = Lanes<kWidth>;
    constexpr int64_t kAhead = kPanel * kChunkRow;
    for (int64_t k = 0; k < size_; k += kChunk) {
      const int64_t lanes = std::min(kChunk, size_ - k) / By::kParts;
      for (int64_t i = 0; i < rows_; i += kGroup) {
        const std::byte* const a = a_ + offset_in_panel(i, k);
        By::first_product(a, x + k / By::kParts * kRegister, lanes, y_ + i * kWidth, a + kAhead);
      }
    }
    alignas(kRegister) std::byte lanes[kPanel * kRegister];
    const float scale = By::pack_y(y_, rows_, lanes);
    for (int64_t k = 0; k < size_; k += By::kSteps) {
      By::second_product(a_ + offset_in_panel(0, k), lanes, rows_, 1 / scale, z + k * kWidth,
                         a_ + kPanel * k * 2 + kAhead);
    }
  }
  // Returns the panel's rows of Y = A X, [rows, kWidth] float32, after multiply().
  const float* y() const { return y_; }

 private:
  const std::byte* a_;
  int64_t rows_, size_;
  float y_[kPanel * kWidth + 16] = {};  // pack_y() reads 16 elements beyond
};

// The panels of A.
struct Panels {
  const float* a;  // in float32; nullptr once they are rounded
  std::byte* rounded;
  float scale;
};

// One application of A^T A, shared by its threads.
template <int64_t kWidth>
class Run {
 public:
  // Prepares Y = A X and Z = A^T Y: packs X, scaled to float16's range, and takes scratch memory
  // for the share of Z that each part of A's rows has.
  Run(const GramApply& s, const Panels& panels)
      : s_(s),
        panels_(panels),
        size_(filled(s.columns)),
        x_scale_(power_of_two(kXNorm * std::sqrt(kWidth / square_of(s.x, s.columns * kWidth)))),
        parts_(partition_rows(s.rows, kPanel)),
        x_(scratch<std::byte>(Scratch::b_panels, size_ / By::kParts * kRegister)),
        z_(scratch<float>(Scratch::partial_sums, parts_.count * size_ * kWidth)) {
    By::pack_x(s.x, s.columns, x_scale_, x_);
  }

  // Writes Y = A X, and sums each part's share of Z = A^T Y in scratch memory, for add_up().
  // Returns the sum of the squares of the scaled elements of A that it has rounded, 0 where all
  // were rounded before.
  double multiply() {
    const int64_t rows = parts_.rows;
    std::vector<double> squares(parts_.count);
    run_queue(parts_.count, [&](int64_t i) {
      float* const z = z_ + i * size_ * kWidth;
      std::fill_n(z, size_ * kWidth, 0.0f);
      for (int64_t r = i * rows; r < std::min((i + 1) * rows, s_.rows); r += kPanel)
        squares[i] += multiply(r, std::min(kPanel, s_.rows - r), z);
    });
    return std::accumulate(squares.begin(), squares.end(), 0.0);
  }

  // Adds up the parts' shares of Z = A^T Y and writes Z, float32, to be called after multiply().
  // Returns false where an element of Z is not finite, as a sum was beyond float16's range. The
  // rows of Z are divided into slices for the threads.
  bool add_up() {
    constexpr int64_t kSlices = 8;
    const int64_t slice = (size_ / kWhole + kSlices - 1) / kSlices * kWhole;
    bool finite[kSlices];
    run_queue(kSlices, [&](int64_t i) {
      finite[i] = add_up(std::min(i * slice, s_.columns), std::min((i + 1) * slice, s_.columns));
    });
    return std::all_of(finite, finite + kSlices, [](bool x) { return x; });
  }

 private:
  using By = Lanes<kWidth>;

  // Multiplies one panel, the `count` rows of A from `begin` on: writes its rows of Y = A X and
  // adds its share of Z = A^T Y to z. Returns the sum of the squares of the elements of A that it
  // has rounded.
  double multiply(int64_t begin, int64_t count, float* z) const {
    std::byte* const a = panels_.rounded + begin / kPanel * panel_bytes(s_.columns);
    double squares = 0;
    if (panels_.a != nullptr)
      squares = round_panel(panels_.a + begin * s_.columns, count, s_.columns, panels_.scale, a);
    Panel<kWidth> panel(a, count, s_.columns);
    panel.multiply(x_, z);
    const float factor = 1 / panels_.scale / x_scale_;
    for (int64_t i = 0; i < count * kWidth; ++i) s_.y[begin * kWidth + i] = factor * panel.y()[i];
    return squares;
  }

  // Writes the rows [begin, end) of Z = A^T Y: adds up the parts' shares of them, in the order of
  // the parts, takes the scale out, and puts the elements back in order, which the kernel keeps in
  // groups (Lanes). Returns false where an element is not finite, as 0 times it is then a NaN.
  bool add_up(int64_t begin, int64_t end) const {
    float* const sum = z_ + begin * kWidth;
    for (int64_t i = 1; i < parts_.count; ++i)
      accumulate(sum + i * size_ * kWidth, filled(end - begin) * kWidth, sum);
    const float factor = 1 / panels_.scale / panels_.scale / x_scale_;
    float zero = 0;
    for (int64_t k = begin; k < end; ++k) {
      const float* const lane = z_ + k / By::kParts * 32 + k % By::kParts;
      for (int64_t j = 0; j < kWidth; ++j) {
        s_.z[k * kWidth + j] = factor * lane[j * By::kParts];
        zero += 0 * s_.z[k * kWidth + j];
      }
    }
    return zero == 0;
  }

  const GramApply& s_;
  const Panels& panels_;
  int64_t size_;
  float x_scale_;
  RowPartition parts_;
  std::byte* x_;
  float* z_;
};

}  // namespace

// Whether a HalfMatrix of this size can be made: the processor has AVX-512 FP16, and the rounded
// copy takes no more than kMaxBytes.
bool HalfMatrix::is_supported(int64_t rows, int64_t columns) {
  return has_fp16() && rounded_bytes(rows, columns) <= kMaxBytes;
}

// Takes this thread's scratch memory for the rounded copy of a [rows, columns], row-major, and
// chooses its scale. The first product rounds it: until then `a` has to live.
HalfMatrix::HalfMatrix(const float* a, int64_t rows, int64_t columns)
    : a_(a), rows_(rows), columns_(columns) {
  rounded_ = scratch<std::byte>(Scratch::half_matrix, rounded_bytes(rows, columns));
  scale_ = power_of_two(kTypical / sampled_rms(a, rows, columns));
}

// Computes gram_apply() for X of kWidth columns; the first call also rounds A. Returns false, with
// y and z of no use, at the first call where the root mean square of all of A does not fit the
// scale, which was made from some rows, and at any call where an element of Z is not finite.
template <int64_t kWidth>
bool HalfMatrix::run(const GramApply& s) {
  const Panels panels{a_, rounded_, scale_};
  Run<kWidth> run(s, panels);
  const double squares = run.multiply();
  if (a_ != nullptr) {
    const double found = std::sqrt(squares / static_cast<double>(rows_ * columns_));
    if (!(found == 0 || (found >= kMinTypical && found <= kMaxTypical))) return false;
    a_ = nullptr;
  }
  return run.add_up();
}

// Writes y = A x [rows, width] and z = A^T y [columns, width], float32, for x [columns, width],
// where width is 8 or 16. Returns false, with y and z of no use, where A or Z is not in float16's
// range: the caller then has to multiply in float32.
bool HalfMatrix::gram_apply(int64_t width, const float* x, float* y, float* z) {
  const GramApply s{nullptr, rows_, columns_, width, x, y, z};
  return width == kNarrowBlock ? run<kNarrowBlock>(s) : run<kWideBlock>(s);
}

#else
// Without AVX-512 FP16 in the compiler no matrix is supported, so that none is made or multiplied.
bool HalfMatrix::is_supported(int64_t, int64_t) { return false; }
// Never called, as is_supported() is false; neither is the product below.
HalfMatrix::HalfMatrix(const float*, int64_t, int64_t) {}
// Never called, as no HalfMatrix is made.
bool HalfMatrix::gram_apply(int64_t, const float*, float*, float*) { return false; }
#endif

}  // namespace steepest::cpu
