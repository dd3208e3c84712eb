// SPDX-License-Identifier: Apache-2.0
// The unit of kernels/cuda/device/unit.cuh for a processor: the same names, done as the PTX ISA
// describes them, so that the kernels behind it run in the emulator.
#pragma once

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <bit>
#include <cmath>

#include "tests/cuda/emulator.h"

#define STEEPEST_UNROLL
#define STEEPEST_UNROLL_BY(n)

namespace steepest::cuda {

inline void __syncthreads() { emulator::barrier(); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }

// Returns the value of the lane whose number differs in these bits.
template <class Value>
Value __shfl_xor_sync(unsigned, Value value, int bits) {
  struct Operands {
    Value mine, result;
    int bits;
  } own{value, {}, bits};
  emulator::collective(&own, [](const emulator::Lanes& lanes) {
    for (int lane = 0; lane < 32; ++lane) {
      auto& to = *static_cast<Operands*>(lanes[lane]);
      to.result = static_cast<Operands*>(lanes[lane ^ to.bits])->mine;
    }
  });
  return own.result;
}

namespace unit {

inline unsigned short* shared_memory() { return emulator::shared_memory(); }
inline int opaque(int x) { return x; }

struct Product {  // the operands of a lane
  float* d;
  const unsigned *a, *b;
};

// The numbers of a 16-bit dtype, c10::Half or c10::BFloat16, and the product of fragments of them.
template <class Number>
struct Sixteen {
  static unsigned bits(float x) { return Number(x).x; }
  static unsigned pack(float low, float high) { return bits(low) | bits(high) << 16; }
  static float low(unsigned pair) {
    return Number(static_cast<unsigned short>(pair), Number::from_bits());
  }
  static float high(unsigned pair) { return low(pair >> 16); }

  static void mma(float (&d)[4], const unsigned (&a)[4], const unsigned* b) {
    Product own{d, a, b};
    emulator::collective(&own, multiply);
  }

 private:
  static float entry(unsigned pair, int i) { return i == 0 ? low(pair) : high(pair); }

  static void multiply(const emulator::Lanes& lanes) {
    float a[16][16], b[16][8];
    for (int lane = 0; lane < 32; ++lane) {
      const auto& own = *static_cast<Product*>(lanes[lane]);
      const int group = lane / 4, pair = lane % 4 * 2;
      for (int i = 0; i < 2; ++i) {
        a[group][pair + i] = entry(own.a[0], i);
        a[group + 8][pair + i] = entry(own.a[1], i);
        a[group][pair + 8 + i] = entry(own.a[2], i);
        a[group + 8][pair + 8 + i] = entry(own.a[3], i);
        b[pair + i][group] = entry(own.b[0], i);
        b[pair + 8 + i][group] = entry(own.b[1], i);
      }
    }
    for (int lane = 0; lane < 32; ++lane) {
      const auto& own = *static_cast<Product*>(lanes[lane]);
      for (int e = 0; e < 4; ++e) {
        const int row = lane / 4 + e / 2 * 8, column = lane % 4 * 2 + e % 2;
        for (int k = 0; k < 16; ++k) own.d[e] += a[row][k] * b[k][column];
      }
    }
  }
};

struct Fp16 : Sixteen<c10::Half> {};
struct Bf16 : Sixteen<c10::BFloat16> {};

struct Loaded {  // the operands of a lane
  unsigned* r;
  const unsigned short* row;
};

template <bool transposed>
void load_for_all(const emulator::Lanes& lanes) {
  for (int lane = 0; lane < 32; ++lane) {
    auto* const r = static_cast<Loaded*>(lanes[lane])->r;
    for (int i = 0; i < 4; ++i) {
      const auto entry = [&](int row, int column) -> unsigned {
        return static_cast<Loaded*>(lanes[8 * i + row])->row[column];
      };
      const int group = lane / 4, pair = lane % 4 * 2;
      r[i] = transposed ? entry(pair, group) | entry(pair + 1, group) << 16
                        : entry(group, pair) | entry(group, pair + 1) << 16;
    }
  }
}

inline void load_matrices(unsigned (&r)[4], const unsigned short* row) {
  Loaded own{r, row};
  emulator::collective(&own, load_for_all<false>);
}
inline void load_transposed(unsigned (&r)[4], const unsigned short* row) {
  Loaded own{r, row};
  emulator::collective(&own, load_for_all<true>);
}

inline void copy_async(unsigned short* to, const unsigned short* from, int bytes) {
  emulator::begin_copy(to, from, bytes);
}
inline void end_group() { emulator::end_group(); }
template <int groups>
void wait_for() {
  emulator::wait_for(groups);
}

struct alignas(16) Quad {
  unsigned r[4];
};
struct alignas(8) Pair {
  unsigned r[2];
};

}  // namespace unit
}  // namespace steepest::cuda
