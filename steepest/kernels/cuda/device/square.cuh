// SPDX-License-Identifier: Apache-2.0
// Squares [N, N] of 16-bit numbers in shared memory, and their products by a whole block, with
// float32 sums in registers: what one_block.cuh is made of.
#pragma once

#include "steepest/kernels/cuda/device/tasks.h"

namespace steepest::cuda {

template <int N, class Number>
struct Square {
  static constexpr int kWarpColumns = warp_columns(N);
  static constexpr int kRows = N / warp_rows(N), kColumns = N / kWarpColumns;  // of a warp's tile
  static constexpr int kThreads = threads_of(N);
  static constexpr int kSize = N * N;
  static_assert(N % 32 == 0 && kRows % 16 == 0 && kColumns % 16 == 0, "tiles are 16 x 16");

  // The sums of this thread: sums[i][j] are those of fragment (i, j) of its warp's tile.
  using Sums = float[kRows / 16][kColumns / 8][4];

  // Returns where entry (row, column) lies. Chunks of 8 numbers, 16 bytes, are permuted within
  // their row so that those of one column in 8 successive rows lie in different banks.
  __device__ static int at(int row, int column) {
    const int spread = N % 64 == 0 ? row & 7 : (row >> 1) & 3;
    return row * N + (((column >> 3) ^ spread) << 3) + (column & 7);
  }

  // Which part of shared memory is this warp's tile.
  __device__ static int first_row() {
    return static_cast<int>(threadIdx.x) / 32 / kWarpColumns * kRows;
  }
  __device__ static int first_column() {
    return static_cast<int>(threadIdx.x) / 32 % kWarpColumns * kColumns;
  }

  __device__ static void clear(Sums& sums) {
    STEEPEST_UNROLL
    for (int i = 0; i < kRows / 16; ++i) STEEPEST_UNROLL
    for (int j = 0; j < kColumns / 8; ++j) STEEPEST_UNROLL
    for (int e = 0; e < 4; ++e) sums[i][j][e] = 0;
  }

  // sums += A B. An operand lies in shared memory as it is, or as its transpose: A^T and B^T are
  // kept where the flags say so. (ldmatrix reads either: the fragments of A are rows of A, those of
  // B rows of B^T.)
  template <bool a_transposed, bool b_transposed>
  __device__ static void multiply(Sums& sums, const unsigned short* a, const unsigned short* b) {
    const int lane = threadIdx.x % 32;
    const int low = lane % 8, middle = (lane >> 3) % 2 * 8, high = lane / 16 * 8;
    STEEPEST_UNROLL_BY(2)
    for (int k = 0; k < N; k += 16) {
      unsigned left[kRows / 16][4];
      STEEPEST_UNROLL
      for (int i = 0; i < kRows / 16; ++i) {
        const int row = first_row() + 16 * i;
        if constexpr (a_transposed)
          unit::load_transposed(left[i], a + at(k + low + high, row + middle));
        else
          unit::load_matrices(left[i], a + at(row + low + middle, k + high));
      }
      STEEPEST_UNROLL
      for (int j = 0; j < kColumns / 16; ++j) {
        unsigned right[4];  // two fragments of 8 columns
        const int column = first_column() + 16 * j;
        if constexpr (b_transposed)
          unit::load_matrices(right, b + at(column + low + high, k + middle));
        else
          unit::load_transposed(right, b + at(k + low + middle, column + high));
        STEEPEST_UNROLL
        for (int i = 0; i < kRows / 16; ++i) {
          Number::mma(sums[i][2 * j], left[i], right);
          Number::mma(sums[i][2 * j + 1], left[i], right + 2);
        }
      }
    }
  }

  // Calls body(row, column, x, y) for each two neighbours of this thread's sums, x at (row, column)
  // and y at (row, column + 1).
  template <class Body>
  __device__ static void each(const Sums& sums, const Body& body) {
    const int lane = threadIdx.x % 32;
    const int row = unit::opaque(first_row() + lane / 4);
    const int column = unit::opaque(first_column() + lane % 4 * 2);
    STEEPEST_UNROLL
    for (int i = 0; i < kRows / 16; ++i) STEEPEST_UNROLL
    for (int j = 0; j < kColumns / 8; ++j) STEEPEST_UNROLL
    for (int half = 0; half < 2; ++half)
      body(row + 16 * i + 8 * half, column + 8 * j, sums[i][j][2 * half], sums[i][j][2 * half + 1]);
  }

  // Two neighbours in a square, the first at an even column, as they lie there.
  __device__ static unsigned& pair(unsigned short* square, int row, int column) {
    return *reinterpret_cast<unsigned*>(square + at(row, column));
  }
};

}  // namespace steepest::cuda
