// SPDX-License-Identifier: Apache-2.0
// Squares [N, N] of 16-bit numbers in shared memory, and their products by a whole block, with
// float32 sums in registers: what one_block.cuh is made of.
#pragma once

#include "steepest/kernels/cuda/device/fragments.cuh"

namespace steepest::cuda {

template <int N, class Number>
struct Square {
  static constexpr int kRows = N / warp_rows(N),
                       kColumns = N / warp_columns(N);  // of a warp's tile
  static constexpr int kThreads = threads_of(N), kSize = N * N;
  static_assert(kRows % 16 == 0 && kColumns % 16 == 0, "fragments are 16 x 16");
  static_assert(kSize / 8 % kThreads == 0, "threads copy chunks of 8 numbers alike");

  using Layout = Rows<N>;
  using Sums = cuda::Sums<kRows, kColumns>;

  static TileAt tile() { return tile_of_thread<kRows, kColumns, warp_columns(N)>(); }

  static void clear(Sums& sums) { cuda::clear<kRows, kColumns>(sums); }

  // sums += A B, as of add_sixteen().
  template <bool a_transposed, bool b_transposed>
  static void multiply(Sums& sums, const unsigned short* a, const unsigned short* b) {
    const TileAt at = tile();
    STEEPEST_UNROLL_BY(2)
    for (int k = 0; k < N; k += 16)
      add_sixteen<Number, Layout, a_transposed, b_transposed, kRows, kColumns>(sums, a, b, at, k);
  }

  template <class Body>
  static void each(Sums& sums, const Body& body) {
    each_pair<kRows, kColumns>(sums, tile(), body);
  }
};

}  // namespace steepest::cuda
