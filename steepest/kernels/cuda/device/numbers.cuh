// SPDX-License-Identifier: Apache-2.0
// Entries of tensors in global memory, of any Kind, as float32; and sums over a block.
#pragma once

#include "steepest/kernels/cuda/device/tasks.h"

namespace steepest::cuda {

__device__ inline int bytes_of(Kind kind) { return kind == Kind::float32 ? 4 : 2; }

__device__ inline float low_of(Kind kind, unsigned pair) {
  return kind == Kind::float16 ? unit::Fp16::low(pair) : unit::Bf16::low(pair);
}

// Returns p[i].
__device__ inline float load(const void* p, long long i, Kind kind) {
  if (kind == Kind::float32) return static_cast<const float*>(p)[i];
  return low_of(kind, static_cast<const unsigned short*>(p)[i]);
}

// Sets p[i] to x, rounded to the nearest.
__device__ inline void store(void* p, long long i, Kind kind, float x) {
  if (kind == Kind::float32) {
    static_cast<float*>(p)[i] = x;
  } else {
    const unsigned pair = kind == Kind::float16 ? unit::Fp16::pack(x, 0) : unit::Bf16::pack(x, 0);
    static_cast<unsigned short*>(p)[i] = static_cast<unsigned short>(pair);
  }
}

// Reads x <- p[i], .., p[i + 7], which begin at a multiple of 16 bytes.
__device__ inline void load_eight(const void* p, long long i, Kind kind, float (&x)[8]) {
  if (kind == Kind::float32) {
    const float* const from = static_cast<const float*>(p) + i;
    STEEPEST_UNROLL
    for (int half = 0; half < 2; ++half) {
      const unit::Quad quad = *reinterpret_cast<const unit::Quad*>(from + 4 * half);
      STEEPEST_UNROLL
      for (int j = 0; j < 4; ++j) x[4 * half + j] = __uint_as_float(quad.r[j]);
    }
  } else {
    const unit::Quad quad =
        *reinterpret_cast<const unit::Quad*>(static_cast<const unsigned short*>(p) + i);
    STEEPEST_UNROLL
    for (int j = 0; j < 4; ++j) {
      x[2 * j] = low_of(kind, quad.r[j]);
      x[2 * j + 1] = low_of(kind, quad.r[j] >> 16);
    }
  }
}

// Returns a + b, or the larger of them.
struct Plus {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct Larger {
  __device__ unsigned operator()(unsigned a, unsigned b) const { return a > b ? a : b; }
};

// Joins the threads' values, in an order that depends on the number of threads alone, and returns
// the result to all of them. `memory`: room for 32 values in shared memory that nobody uses.
template <class Value, class Join>
__device__ Value over_block(Value value, Join join, Value* memory) {
  STEEPEST_UNROLL
  for (int step = 16; step > 0; step /= 2)
    value = join(value, __shfl_xor_sync(0xffffffffu, value, step));
  if (threadIdx.x % 32 == 0) memory[threadIdx.x / 32] = value;
  __syncthreads();
  Value all = memory[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) all = join(all, memory[warp]);
  __syncthreads();
  return all;
}

}  // namespace steepest::cuda
