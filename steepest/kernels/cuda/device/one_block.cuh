// SPDX-License-Identifier: Apache-2.0
// A whole Newton-Schulz iteration of one matrix by one block, in one launch, for short sides up to
// N. It is the algebra of kernels/cpu/iteration.cpp: of each segment of steps, between two of which
// X is formed,
//   R = X X^T,   Z_k = b_k R + c_k R^2,   F <- F (a_k I + Z_k),   R <- (a_k I + Z_k)^2 R,   X <- F
//   X.
// A tall X is worked on as it lies: R = X^T X, X <- X F. Products are of 16-bit numbers with
// float32 sums; a_k I is never rounded into Z_k, nor the multiple of I into F = f I + S.
//
// Shared memory holds squares [N, N]. X is the one that stays, or is read through one or two
// squares a panel of its long side at a time; R, Z and S are one each, of which a segment of a
// single step needs R's alone.
#pragma once

#include "steepest/kernels/cuda/device/numbers.cuh"
#include "steepest/kernels/cuda/device/square.cuh"

namespace steepest::cuda {

template <int N, class Number>
class OneBlock {
 public:
  using S = Square<N, Number>;
  using Sums = typename S::Sums;

  OneBlock(const IterationTask& task, unsigned short* memory) : task_(task), memory_(memory) {}

  void run() {
    if (!find_scale()) return;
    for (int begin = 0, end = 0; begin < task_.count; begin = end) {
      end = begin + 1;
      while (end < task_.count && (task_.ends >> (end - 1) & 1) == 0) ++end;
      form_gram(begin == 0);
      const float shift = make_factor(begin, end);
      apply(shift, begin == 0, end == task_.count);
    }
  }

 private:
  // Finds the factors that bring x to X_0, the first of them a power of two so that no square
  // leaves float32's range. Of a zero matrix, or one with a NaN or an infinity, it writes the
  // answer and returns false.
  bool find_scale() {
    const int size = task_.rows * task_.columns;
    unsigned largest = 0;
    for (int i = static_cast<int>(threadIdx.x); i < size; i += S::kThreads)
      largest =
          Larger()(largest, __float_as_uint(load(task_.x, begin_of_matrix() + i, task_.kind)) << 1);
    largest = over_block(largest, Larger(), reinterpret_cast<unsigned*>(r())) >> 1;
    if (largest == 0 || largest >= 0x7f800000u) {
      const float answer = __uint_as_float(largest == 0 ? 0 : 0x7fc00000u);
      for (int i = static_cast<int>(threadIdx.x); i < size; i += S::kThreads)
        store(task_.y, begin_of_matrix() + i, task_.kind, answer);
      return false;
    }
    unsigned exponent = largest >> 23;
    exponent = exponent < 1 ? 1 : exponent > 253 ? 253 : exponent;
    const float power = __uint_as_float((254 - exponent) << 23);
    float square = 0;
    for (int i = static_cast<int>(threadIdx.x); i < size; i += S::kThreads) {
      const float x = load(task_.x, begin_of_matrix() + i, task_.kind) * power;
      square += x * x;
    }
    square = over_block(square, Plus(), reinterpret_cast<float*>(r()));
    if (threadIdx.x == 0) {
      scale()[0] = power;
      scale()[1] = task_.inverse_safety / sqrtf(square);
    }
    __syncthreads();
    return true;
  }

  // Reads panel number p of X into a square, with zeros beyond its edges: from x in the first
  // segment, scaled, else from `work`.
  void read_panel(int p, bool first, unsigned short* to) const {
    const int row = is_wide() ? 0 : p * N, column = is_wide() ? p * N : 0;
    STEEPEST_UNROLL_BY(2)
    for (int part = 0; part < S::kSize / 8; part += S::kThreads) {
      const int chunk = part + static_cast<int>(threadIdx.x);
      const int i = chunk / (N / 8), j = chunk % (N / 8) * 8;
      unit::Quad quad = {{0, 0, 0, 0}};
      if (row + i < task_.rows && column + j < task_.columns) {
        const long long at = place(row + i, column + j);
        const int size = task_.columns - column - j;
        quad = first ? read_x(at, size) : read_work(at, size);
      }
      *reinterpret_cast<unit::Quad*>(to + S::Layout::at(i, j)) = quad;
    }
  }

  // Returns where entry (row, column) of X lies in x, y and `work`.
  long long place(int row, int column) const {
    return begin_of_matrix() + static_cast<long long>(row) * task_.columns + column;
  }

  // Returns the 8 entries of X_0 from `at` on, of which the row has `size`, with zeros behind them.
  unit::Quad read_x(long long at, int size) const {
    float x[8];
    if (task_.vectors && size >= 8) {
      load_eight(task_.x, at, task_.kind, x);
    } else {
      STEEPEST_UNROLL
      for (int j = 0; j < 8; ++j) x[j] = j < size ? load(task_.x, at + j, task_.kind) : 0;
    }
    const float power = scale()[0], inverse_norm = scale()[1];
    unit::Quad quad;
    STEEPEST_UNROLL
    for (int j = 0; j < 4; ++j)
      quad.r[j] =
          Number::pack(x[2 * j] * power * inverse_norm, x[2 * j + 1] * power * inverse_norm);
    return quad;
  }

  // Returns the same of `work`.
  unit::Quad read_work(long long at, int size) const {
    if (task_.vectors && size >= 8) return *reinterpret_cast<const unit::Quad*>(task_.work + at);
    unit::Quad quad;
    STEEPEST_UNROLL
    for (int j = 0; j < 4; ++j) {
      const unsigned low = 2 * j < size ? task_.work[at + 2 * j] : 0;
      const unsigned high = 2 * j + 1 < size ? task_.work[at + 2 * j + 1] : 0;
      quad.r[j] = low | high << 16;
    }
    return quad;
  }

  // Returns the square that holds panel number p of X, which is read into it unless it stays there.
  // While it is read, the other panel's square may still be an operand of slower warps.
  unsigned short* panel(int p, bool first, bool stays) const {
    unsigned short* const square = task_.panels == 2 && p % 2 == 1 ? s() : z();
    if (!stays) {
      if (task_.panels == 1) __syncthreads();
      read_panel(p, first, square);
      __syncthreads();
    }
    return square;
  }

  // R <- X X^T, or X^T X of a tall X.
  void form_gram(bool first) {
    Sums sums;
    S::clear(sums);
    for (int p = 0; p < panels_of_x(); ++p) {
      unsigned short* const x = panel(p, first, task_.resident && !first);
      if (is_wide())
        S::template multiply<false, true>(sums, x, x);
      else
        S::template multiply<true, false>(sums, x, x);
    }
    put(sums, r());
  }

  // Writes the sums into a square, which may have been an operand of them.
  void put(Sums& sums, unsigned short* to) const {
    __syncthreads();
    S::each(sums, [&](int row, int column, float x, float y) {
      S::Layout::pair(to, row, column) = Number::pack(x, y);
    });
    __syncthreads();
  }

  // sums <- sums alpha + beta M for a square M.
  static void combine(Sums& sums, float alpha, float beta, unsigned short* m) {
    S::each(sums, [&](int row, int column, float& x, float& y) {
      const unsigned pair = S::Layout::pair(m, row, column);
      x = alpha * x + beta * Number::low(pair);
      y = alpha * y + beta * Number::high(pair);
    });
  }

  // sums <- b R + c R^2, where R is symmetric.
  void polynomial(Sums& sums, const Step& step) const {
    S::clear(sums);
    if (step.c != 0) S::template multiply<false, true>(sums, r(), r());
    combine(sums, step.c, step.b, r());
  }

  // M <- M (a I + Z), in place; the sums are M's before they are rounded.
  void multiply_by_z(Sums& sums, float a, unsigned short* m) const {
    S::clear(sums);
    S::template multiply<false, true>(sums, m, z());
    combine(sums, 1, a, m);
  }

  // Makes F = f I + S of the steps [begin, end) from R, with S in R's square, and returns f.
  float make_factor(int begin, int end) {
    Sums sums;
    float shift = task_.steps[begin].a;
    polynomial(sums, task_.steps[begin]);
    if (end == begin + 1) {
      put(sums, r());
      return shift;
    }
    put(sums, z());
    put(sums, s());
    for (int k = begin + 1; k < end; ++k) {
      const float before = task_.steps[k - 1].a, a = task_.steps[k].a;
      multiply_by_z(sums, before, r());
      put(sums, r());
      multiply_by_z(sums, before, r());
      put(sums, r());
      polynomial(sums, task_.steps[k]);
      put(sums, z());
      multiply_by_z(sums, a, s());  // S <- S (a I + Z) + f Z
      combine(sums, 1, shift, z());
      put(sums, k + 1 < end ? s() : r());
      shift *= a;
    }
    return shift;
  }

  // X <- F X, or X F of a tall X: into its square where it stays in shared memory, into `work`
  // where it does not, and into y after the last step.
  void apply(float shift, bool first, bool last) {
    for (int p = 0; p < panels_of_x(); ++p) {
      unsigned short* const x = panel(p, first, task_.resident);
      Sums sums;
      S::clear(sums);
      if (is_wide())
        S::template multiply<false, false>(sums, r(), x);
      else
        S::template multiply<false, true>(sums, x, r());
      combine(sums, 1, shift, x);
      if (task_.resident && !last)
        put(sums, x);
      else
        write(sums, p, last);
    }
    __syncthreads();
  }

  // Writes panel number p of X to y after the last step, else to `work`.
  void write(Sums& sums, int p, bool last) const {
    const int row_of = is_wide() ? 0 : p * N, column_of = is_wide() ? p * N : 0;
    S::each(sums, [&](int i, int j, float x, float y) {
      const int row = row_of + i, column = column_of + j;
      if (row >= task_.rows || column >= task_.columns) return;
      write_one(place(row, column), x, last);
      if (column + 1 < task_.columns) write_one(place(row, column) + 1, y, last);
    });
  }
  void write_one(long long at, float x, bool last) const {
    if (last)
      store(task_.y, at, task_.kind, x);
    else
      task_.work[at] = static_cast<unsigned short>(Number::pack(x, 0));
  }

  // What follows from the task is computed where it is used: registers are scarce.
  long long begin_of_matrix() const {  // its first entry
    return static_cast<long long>(blockIdx.x) * task_.rows * task_.columns;
  }
  bool is_wide() const { return task_.rows <= task_.columns; }
  int panels_of_x() const { return ((is_wide() ? task_.columns : task_.rows) + N - 1) / N; }
  // The two factors that find_scale() finds, and the squares behind them.
  float* scale() const { return reinterpret_cast<float*>(memory_); }
  unsigned short* r() const { return memory_ + kScaleBytes / 2; }
  unsigned short* z() const { return r() + S::kSize; }
  unsigned short* s() const { return r() + 2 * S::kSize; }

  const IterationTask& task_;
  unsigned short* memory_;
};

template <int N, class Number>
void one_block(const IterationTask& task) {
  OneBlock<N, Number>(task, unit::shared_memory()).run();
}

}  // namespace steepest::cuda
