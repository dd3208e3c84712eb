// SPDX-License-Identifier: Apache-2.0
// Entries of tensors in global memory, of any Kind, as float32; and sums over a block.
#pragma once

#include "steepest/kernels/cuda/device/tasks.h"

namespace steepest::cuda {

inline int bytes_of(Kind kind) { return kind == Kind::float32 ? 4 : 2; }

inline float low_of(Kind kind, unsigned pair) {
  return kind == Kind::float16 ? unit::Fp16::low(pair) : unit::Bf16::low(pair);
}

inline unsigned pack(Kind kind, float low, float high) {
  return kind == Kind::float16 ? unit::Fp16::pack(low, high) : unit::Bf16::pack(low, high);
}

// Returns p[i].
inline float load(const void* p, long long i, Kind kind) {
  if (kind == Kind::float32) return static_cast<const float*>(p)[i];
  return low_of(kind, static_cast<const unsigned short*>(p)[i]);
}

// Sets p[i] to x, rounded to the nearest.
inline void store(void* p, long long i, Kind kind, float x) {
  if (kind == Kind::float32) {
    static_cast<float*>(p)[i] = x;
  } else {
    static_cast<unsigned short*>(p)[i] = static_cast<unsigned short>(pack(kind, x, 0));
  }
}

// Reads x <- p[i], .., p[i + 7], which begin at a multiple of 16 bytes.
inline void load_eight(const void* p, long long i, Kind kind, float (&x)[8]) {
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

// Whether an address is a multiple of this many bytes.
inline bool is_aligned(const void* p, int bytes) {
  return reinterpret_cast<unsigned long long>(p) % bytes == 0;
}

// Reads x[j] <- p[i + j] for j < size <= 4, at once where that is possible; i is a multiple of 4.
inline void load_four(const void* p, long long i, Kind kind, int size, float (&x)[4]) {
  if (size < 4 || !is_aligned(p, 4 * bytes_of(kind))) {
    for (int j = 0; j < 4; ++j)
      if (j < size) x[j] = load(p, i + j, kind);
  } else if (kind == Kind::float32) {
    const unit::Quad quad = *reinterpret_cast<const unit::Quad*>(static_cast<const float*>(p) + i);
    STEEPEST_UNROLL
    for (int j = 0; j < 4; ++j) x[j] = __uint_as_float(quad.r[j]);
  } else {
    const unit::Pair pair =
        *reinterpret_cast<const unit::Pair*>(static_cast<const unsigned short*>(p) + i);
    STEEPEST_UNROLL
    for (int j = 0; j < 4; ++j) x[j] = low_of(kind, pair.r[j / 2] >> 16 * (j % 2));
  }
}

// Writes p[i + j] <- x[j] for j < size <= 4, likewise.
inline void store_four(void* p, long long i, Kind kind, int size, const float (&x)[4]) {
  if (size < 4 || !is_aligned(p, 4 * bytes_of(kind))) {
    for (int j = 0; j < 4; ++j)
      if (j < size) store(p, i + j, kind, x[j]);
  } else if (kind == Kind::float32) {
    unit::Quad quad;
    STEEPEST_UNROLL
    for (int j = 0; j < 4; ++j) quad.r[j] = __float_as_uint(x[j]);
    *reinterpret_cast<unit::Quad*>(static_cast<float*>(p) + i) = quad;
  } else {
    unit::Pair pair;
    STEEPEST_UNROLL
    for (int j = 0; j < 2; ++j) pair.r[j] = pack(kind, x[2 * j], x[2 * j + 1]);
    *reinterpret_cast<unit::Pair*>(static_cast<unsigned short*>(p) + i) = pair;
  }
}

// Returns a + b, or the larger of them.
struct Plus {
  float operator()(float a, float b) const { return a + b; }
};
struct Larger {
  unsigned operator()(unsigned a, unsigned b) const { return a > b ? a : b; }
};

// Joins the threads' values, in an order that depends on the number of threads alone, and returns
// the result to all of them. `memory`: room for 32 values in shared memory that nobody uses.
template <class Value, class Join>
Value over_block(Value value, Join join, Value* memory) {
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
