// SPDX-License-Identifier: Apache-2.0
// C = alpha A B^T + beta D for a symmetric C [n, n]: X X^T, and the polynomials of it, which
// commute. A block computes one tile on or below the diagonal, of any matrix of the batch, and
// writes it twice, the second time transposed. So half of the multiplications are left out, and C
// is symmetric to the bit.
//
// Panels of A and B, 128 rows by 32 columns, come through four buffers by asynchronous copies:
// three are on their way while the tensor cores work on the fourth. A tile on the diagonal of A A^T
// reads one panel for both.
#pragma once

#include "steepest/kernels/cuda/device/fragments.cuh"

namespace steepest::cuda {

template <class Number>
class SymmetricProduct {
 public:
  SymmetricProduct(const SymmetricTask& task, unsigned short* memory)
      : task_(task), memory_(memory) {
    const int tiles = (task.n + kTile - 1) / kTile;
    const int all = tiles * (tiles + 1) / 2;
    const long long matrix = blockIdx.x / all;
    const int index = static_cast<int>(blockIdx.x) % all;
    // Row i of the triangle holds the tiles i (i + 1) / 2 and on.
    int i = static_cast<int>((sqrtf(8 * static_cast<float>(index) + 1) - 1) / 2);
    while (i * (i + 1) / 2 > index) --i;
    while ((i + 1) * (i + 2) / 2 <= index) ++i;
    row_ = i * kTile;
    column_ = (index - i * (i + 1) / 2) * kTile;
    a_ = task.a + matrix * task.a_batch;
    b_ = task.b + matrix * task.b_batch;
    c_ = task.c + matrix * task.c_batch;
    d_ = task.d == nullptr ? nullptr : task.d + matrix * task.c_batch;
    shared_operand_ = a_ == b_ && row_ == column_;
  }

  void run() {
    const TileAt at = tile();
    TileSums sums;
    clear<kRows, kColumns>(sums);
    const int panels = (task_.depth + kSymmetricDepth - 1) / kSymmetricDepth;
    for (int p = 0; p < kStages - 1; ++p) begin_panel(p, panels);
    for (int p = 0; p < panels; ++p) {
      unit::wait_for<kStages - 2>();
      __syncthreads();  // panel p is there, and nobody reads the buffer of panel p - 1 any more
      begin_panel(p + kStages - 1, panels);
      multiply(sums, at, p);
    }
    unit::wait_for<0>();
    __syncthreads();
    add_d(sums);
    write(sums);
  }

 private:
  static constexpr int kTile = kSymmetricTile, kStages = kSymmetricStages;
  static constexpr int kThreads = kSymmetricThreads;
  static constexpr int kPanel = kTile * kSymmetricDepth;
  static constexpr int kRows = kTile / 2, kColumns = kTile / 4;  // of a warp's tile: 2 x 4 warps
  using Panel = Rows<kSymmetricDepth>;
  using Tile = Rows<kTile>;
  using TileSums = Sums<kRows, kColumns>;

  unsigned short* buffer(int p) const { return memory_ + p % kStages * 2 * kPanel; }

  static TileAt tile() { return tile_of_thread<kRows, kColumns, 4>(); }

  // Begins to copy panel p of both operands, where there is one, and ends a group of copies.
  void begin_panel(int p, int panels) const {
    if (p < panels) {
      begin_copy(buffer(p), a_, task_.a_stride, row_, p);
      if (!shared_operand_) begin_copy(buffer(p) + kPanel, b_, task_.b_stride, column_, p);
    }
    unit::end_group();
  }

  // Begins to copy the rows from `row` on of panel p of an operand, with zeros beyond its edges. A
  // thread copies one chunk of 8 numbers in each of kParts parts of the rows.
  void begin_copy(unsigned short* to, const unsigned short* from, int stride, int row,
                  int p) const {
    constexpr int kChunks = kSymmetricDepth / 8, kRowsOfPart = kThreads / kChunks;
    constexpr int kParts = kTile / kRowsOfPart;
    const int i = threadIdx.x / kChunks, j = threadIdx.x % kChunks * 8;
    const int k = p * kSymmetricDepth + j, left = task_.depth - k;
    const int bytes = left <= 0 ? 0 : left < 8 ? 2 * left : 16;
    const unsigned short* source = from + static_cast<long long>(row + i) * stride + k;
    STEEPEST_UNROLL
    for (int part = 0; part < kParts; ++part) {
      unit::copy_async(to + Panel::at(i, j) + part * kRowsOfPart * kSymmetricDepth, source,
                       row + i + part * kRowsOfPart < task_.n ? bytes : 0);
      source += static_cast<long long>(kRowsOfPart) * stride;
    }
  }

  void multiply(TileSums& sums, TileAt at, int p) const {
    const unsigned short* const a = buffer(p);
    const unsigned short* const b = shared_operand_ ? a : a + kPanel;
    STEEPEST_UNROLL
    for (int k = 0; k < kSymmetricDepth; k += 16)
      add_sixteen<Number, Panel, false, true, kRows, kColumns>(sums, a, b, at, k);
  }

  // sums <- alpha sums + beta D.
  void add_d(TileSums& sums) const {
    each_pair<kRows, kColumns>(sums, tile(), [&](int i, int j, float& x, float& y) {
      x *= task_.alpha;
      y *= task_.alpha;
      const int row = row_ + i, column = column_ + j;
      if (d_ == nullptr || row >= task_.n || column >= task_.n) return;
      const unsigned short* const d = d_ + static_cast<long long>(row) * task_.c_stride + column;
      x += task_.beta * Number::low(d[0]);
      if (column + 1 < task_.n) y += task_.beta * Number::low(d[1]);
    });
  }

  // Writes the tile to C, and its transpose to the tile across the diagonal. Both go through shared
  // memory, so that global memory is written in rows. Of a tile on the diagonal the lower triangle
  // is mirrored there.
  void write(TileSums& sums) const {
    const bool diagonal = row_ == column_;
    put(sums, [&](int i, int j, unsigned both) {
      if (!diagonal) {
        Tile::pair(memory_, i, j) = both;
        return;
      }
      if (j <= i) memory_[Tile::at(i, j)] = memory_[Tile::at(j, i)] = low_half(both);
      if (j < i) memory_[Tile::at(i, j + 1)] = memory_[Tile::at(j + 1, i)] = high_half(both);
    });
    store_rows(row_, column_);
    if (diagonal) return;
    __syncthreads();
    put(sums, [&](int i, int j, unsigned both) {
      memory_[Tile::at(j, i)] = low_half(both);
      memory_[Tile::at(j + 1, i)] = high_half(both);
    });
    store_rows(column_, row_);
  }

  static unsigned short low_half(unsigned both) { return static_cast<unsigned short>(both); }
  static unsigned short high_half(unsigned both) { return static_cast<unsigned short>(both >> 16); }

  // Calls body(i, j, both) for each two neighbours of the sums, rounded, which writes them to
  // shared memory, and waits for all threads to have done so.
  template <class Body>
  static void put(TileSums& sums, const Body& body) {
    each_pair<kRows, kColumns>(
        sums, tile(), [&](int i, int j, float x, float y) { body(i, j, Number::pack(x, y)); });
    __syncthreads();
  }

  // Writes what lies in shared memory to the tile of C at (row, column).
  void store_rows(int row, int column) const {
    STEEPEST_UNROLL_BY(1)
    for (int part = 0; part < kTile * kTile / 8; part += kThreads) {
      const int chunk = part + static_cast<int>(threadIdx.x);
      const int i = chunk / (kTile / 8), j = chunk % (kTile / 8) * 8;
      const int left = task_.n - column - j;
      if (row + i >= task_.n || left <= 0) continue;
      const unsigned short* const from = memory_ + Tile::at(i, j);
      unsigned short* const to = c_ + static_cast<long long>(row + i) * task_.c_stride + column + j;
      if (left >= 8)
        *reinterpret_cast<unit::Quad*>(to) = *reinterpret_cast<const unit::Quad*>(from);
      else
        copy_some(to, from, left);
    }
  }

  static void copy_some(unsigned short* to, const unsigned short* from, int count) {
    STEEPEST_UNROLL_BY(1)
    for (int k = 0; k < count; ++k) to[k] = from[k];
  }

  const SymmetricTask& task_;
  unsigned short* memory_;
  int row_, column_;  // of the tile's first entry
  const unsigned short *a_, *b_, *d_;
  unsigned short* c_;
  bool shared_operand_;
};

template <class Number>
void symmetric_product(const SymmetricTask& task) {
  SymmetricProduct<Number>(task, unit::shared_memory()).run();
}

}  // namespace steepest::cuda
