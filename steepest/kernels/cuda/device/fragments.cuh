// SPDX-License-Identifier: Apache-2.0
// The innermost part of every product: a warp's tile of sums, and 16 ranks of A B added to it.
#pragma once

#include "steepest/kernels/cuda/device/tasks.h"

namespace steepest::cuda {

// The sums [rows, columns] of a warp, as a thread has them: sums[i][j] are those of its fragment at
// (16 i, 8 j).
template <int rows, int columns>
using Sums = float[rows / 16][columns / 8][4];

template <int rows, int columns>
void clear(Sums<rows, columns>& sums) {
  STEEPEST_UNROLL
  for (int i = 0; i < rows / 16; ++i) STEEPEST_UNROLL
  for (int j = 0; j < columns / 8; ++j) STEEPEST_UNROLL
  for (int e = 0; e < 4; ++e) sums[i][j][e] = 0;
}

// Where the tile of a thread's warp lies in the product of its block, and which lane the thread is.
struct TileAt {
  int row, column, lane;
};

// Returns the tile of this thread where a block's warps are a grid of tiles with so many columns.
// It is computed anew each time: kept from product to product it would cost registers.
template <int rows, int columns, int warp_columns>
TileAt tile_of_thread() {
  const int thread = unit::opaque(threadIdx.x), warp = thread / 32;
  return {warp / warp_columns * rows, warp % warp_columns * columns, thread % 32};
}

// Adds 16 ranks of A B, from rank k on, to the sums. An operand lies in shared memory as it is,
// entry (i, k) at Layout::at(i, k), or as its transpose: A^T and B^T are kept where the flags say
// so. (ldmatrix reads either: the fragments of A are rows of A, those of B rows of B^T.)
template <class Number, class Layout, bool a_transposed, bool b_transposed, int rows, int columns>
void add_sixteen(Sums<rows, columns>& sums, const unsigned short* a, const unsigned short* b,
                 TileAt tile, int k) {
  const int lane = tile.lane;
  const int low = lane % 8, middle = (lane >> 3) % 2 * 8, high = lane / 16 * 8;
  unsigned left[rows / 16][4];
  STEEPEST_UNROLL
  for (int i = 0; i < rows / 16; ++i) {
    const int row = tile.row + 16 * i;
    if constexpr (a_transposed)
      unit::load_transposed(left[i], a + Layout::at(k + low + high, row + middle));
    else
      unit::load_matrices(left[i], a + Layout::at(row + low + middle, k + high));
  }
  STEEPEST_UNROLL
  for (int j = 0; j < columns / 16; ++j) {
    unsigned right[4];  // two fragments of 8 columns
    const int column = tile.column + 16 * j;
    if constexpr (b_transposed)
      unit::load_matrices(right, b + Layout::at(column + low + high, k + middle));
    else
      unit::load_transposed(right, b + Layout::at(k + low + middle, column + high));
    STEEPEST_UNROLL
    for (int i = 0; i < rows / 16; ++i) {
      Number::mma(sums[i][2 * j], left[i], right);
      Number::mma(sums[i][2 * j + 1], left[i], right + 2);
    }
  }
}

// Calls body(row, column, x, y) for each two neighbours of this thread's sums, references to those
// at (row, column) and (row, column + 1) of the block's product.
template <int rows, int columns, class Body>
void each_pair(Sums<rows, columns>& sums, TileAt tile, const Body& body) {
  const int row = tile.row + tile.lane / 4, column = tile.column + tile.lane % 4 * 2;
  STEEPEST_UNROLL
  for (int i = 0; i < rows / 16; ++i) STEEPEST_UNROLL
  for (int j = 0; j < columns / 8; ++j) STEEPEST_UNROLL
  for (int half = 0; half < 2; ++half)
    body(row + 16 * i + 8 * half, column + 8 * j, sums[i][j][2 * half], sums[i][j][2 * half + 1]);
}

// Rows of `width` 16-bit numbers, in shared memory. Chunks of 8 numbers, 16 bytes, are permuted
// within their row so that those of one column in 8 successive rows lie in different banks.
template <int width>
struct Rows {
  static_assert(width % 32 == 0, "chunks are permuted four or eight at a time");
  static int at(int row, int column) {
    const int spread = width % 64 == 0 ? row & 7 : (row >> 1) & 3;
    return row * width + (((column >> 3) ^ spread) << 3) + (column & 7);
  }
  // Two neighbours, the first at an even column.
  static unsigned& pair(unsigned short* rows, int row, int column) {
    return *reinterpret_cast<unsigned*>(rows + at(row, column));
  }
};

}  // namespace steepest::cuda
