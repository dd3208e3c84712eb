// SPDX-License-Identifier: Apache-2.0
// What a launch is told: the structs that the host fills in and the kernels read, by value. They
// are compiled by both, so that they hold fixed-width numbers and pointers only and include
// nothing.
#pragma once

namespace steepest::cuda {

// The dtype of a tensor's entries in global memory.
enum class Kind : int { float32, float16, bfloat16 };

// One Newton-Schulz step: phi(x) = a x + b x^3 + c x^5.
struct Step {
  float a, b, c;
};

constexpr int kMaxSteps = 16;

// The sides N of the squares by which one_block.cuh computes, and how the warps of a block share a
// product of them: a grid of tiles of sums. 192^2 sums are 96 registers of each of 384 threads;
// 256^2 would be the whole register file.
constexpr int kWidths[] = {32, 64, 96, 128, 192};
constexpr int warp_rows(int width) { return width >= 128 ? 4 : width == 96 ? 3 : 2; }
constexpr int warp_columns(int width) { return width == 192 ? 3 : 2; }
constexpr int kScaleBytes = 16;  // of shared memory, before the squares
constexpr int threads_of(int width) { return 32 * warp_rows(width) * warp_columns(width); }

// A Newton-Schulz iteration of `gridDim.x` matrices, a block each: one_block.cuh.
struct IterationTask {
  const void* x;         // [batch, rows, columns] in `kind`, contiguous
  void* y;               // likewise; may be x
  unsigned short* work;  // [batch, rows, columns] in 16 bits; nullptr where `resident`
  int rows, columns;
  Kind kind;
  int resident;  // whether X stays in shared memory: it is one square, and so is each segment
  int panels;    // the squares that X is read through: 1 or 2
  int vectors;   // whether rows begin at multiples of 16 bytes
  float inverse_safety;  // X_0 = x inverse_safety / |x|_F
  int count;             // steps
  unsigned ends;         // bit k: X is formed after step k, as it always is after the last
  Step steps[kMaxSteps];
};

// C = alpha A B^T + beta D of each matrix of a batch, where C [n, n] is known to be symmetric: only
// tiles on and below the diagonal are computed. In 16 bits throughout, with sums in float32. Rows
// begin at multiples of 16 bytes.
struct SymmetricTask {
  const unsigned short *a, *b;          // [n, depth], rows of `stride` numbers
  const unsigned short* d;              // [n, n]; nullptr where there is none
  unsigned short* c;                    // [n, n]; may be d
  long long a_batch, b_batch, c_batch;  // from matrix to matrix; c_batch of d too
  int n, depth, a_stride, b_stride, c_stride;
  float alpha, beta;
};

constexpr int kSymmetricTile = 128;  // rows and columns of C that a block computes
constexpr int kSymmetricDepth = 32;  // columns of A and B that are in shared memory at a time,
constexpr int kSymmetricStages = 4;  // and how many times
constexpr int kSymmetricThreads = 256;
constexpr int kSymmetricShared = kSymmetricStages * 2 * kSymmetricTile * kSymmetricDepth * 2;

// The tensors of one elementwise launch: their addresses travel with it.
constexpr int kMaxListed = 48;
// The entries that a block takes; it never takes those of two tensors.
constexpr int kChunk = 4096;
constexpr int kStepThreads = 256;
constexpr int kStepShared = 128;  // bytes: a sum of each warp

// One tensor of an AdvanceTask.
struct Advanced {
  void* m;        // the momentum, in AdvanceTask::m_kind
  const void* g;  // the gradient, in AdvanceTask::g_kind
  void* u;        // the look-ahead, in AdvanceTask::u_kind
  long long size;
  int first_block;  // the index of its first block in the launch
};

// m <- m + take (g - m),  u <- g + carry (m - g), each from its nearer end as ATen's lerp does it;
// partial_squares[block] <- sum u^2 over the block's entries.
struct AdvanceTask {
  Advanced list[kMaxListed];
  float* partial_squares;  // nullptr where they are not wanted
  int count;
  Kind m_kind, g_kind, u_kind;
  float take, carry;  // a lerp's weight w, or w - 1 where it begins at the far end
  int take_near, carry_near;
};

// One tensor of a MoveTask.
struct Moved {
  void* w;        // the weights, in MoveTask::w_kind
  const void* s;  // the direction, in MoveTask::s_kind
  long long size;
  long long matrix;  // the entries of one matrix: entry i belongs to matrix i / matrix
  int coefficient;   // the index of the first matrix' coefficient
  int first_block;
  double keep;
};

// w <- keep w - c s,  c = scale * coefficients[matrix], or `scale` alone where there are none.
struct MoveTask {
  Moved list[kMaxListed];
  const double* coefficients;  // on the device: the host never reads them
  double scale;
  int count;
  Kind w_kind, s_kind;
  int aligned_only;  // the decay spares entries with s w < 0
};

// sums[i] <- sum partials[ends[i - 1]] ... partials[ends[i] - 1], in the order of the indices.
struct SumTask {
  const float* partials;
  float* sums;
  int count;
  int ends[kMaxListed];
};

}  // namespace steepest::cuda
