// SPDX-License-Identifier: Apache-2.0
// What the kernels ask of the machine beyond plain C++: this file has it for NVIDIA's compiler, in
// PTX; tests/cuda/host_unit.h has the same names for a processor, so that the very kernels run
// there. Freestanding: NVRTC has no headers of the standard library.
#pragma once

#define STEEPEST_UNROLL _Pragma("unroll")
#define STEEPEST_UNROLL_BY(n) _Pragma(STEEPEST_TEXT(unroll n))
#define STEEPEST_TEXT(x) #x

namespace steepest::cuda::unit {

// The block's dynamic shared memory.
inline unsigned short* shared_memory() {
  extern __shared__ __align__(128) unsigned short memory[];
  return memory;
}

inline unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}

// Returns x, of which the compiler knows nothing: what is computed from it is computed there, and
// not kept in registers from before a loop.
inline int opaque(int x) {
  asm volatile("" : "+r"(x));
  return x;
}

// 16-bit numbers, two in a register: the first in the low half. mma is D += A B for A [16, 16],
// B [16, 8] and D [16, 8] in float32, spread over a warp as the PTX ISA says for m16n8k16.
struct Fp16 {
  static unsigned pack(float low, float high) {
    unsigned pair;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
  }
  static float low(unsigned pair) {
    float x;
    asm("{ .reg .f16 a, b; mov.b32 {a, b}, %1; cvt.f32.f16 %0, a; }" : "=f"(x) : "r"(pair));
    return x;
  }
  static float high(unsigned pair) { return low(pair >> 16); }
  static void mma(float (&d)[4], const unsigned (&a)[4], const unsigned* b) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
};

struct Bf16 {
  static unsigned pack(float low, float high) {
    unsigned pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
  }
  static float low(unsigned pair) { return __uint_as_float(pair << 16); }
  static float high(unsigned pair) { return __uint_as_float(pair & 0xffff0000u); }
  static void mma(float (&d)[4], const unsigned (&a)[4], const unsigned* b) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
};

// Loads four 8 x 8 matrices of 16-bit numbers: lane l gives the address of row l % 8 of matrix
// l / 8. r[i] has, of matrix i, row l / 4 and columns 2 (l % 4) and the next.
inline void load_matrices(unsigned (&r)[4], const unsigned short* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
// Does as load_matrices(), with each matrix transposed.
inline void load_transposed(unsigned (&r)[4], const unsigned short* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}

// Begins to copy `bytes` <= 16 bytes from global to shared memory, both at multiples of 16 bytes,
// and zeros up to 16. It has arrived after wait_for() of its group and a barrier.
inline void copy_async(unsigned short* to, const unsigned short* from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(shared_address(to)), "l"(from), "r"(bytes)
               : "memory");
}
// Ends a group of copies.
inline void end_group() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until all but the newest `groups` groups of this thread's copies have arrived.
template <int groups>
inline void wait_for() {
  asm volatile("cp.async.wait_group %0;" : : "n"(groups) : "memory");
}

// 16 and 8 bytes that are read or written at once.
struct alignas(16) Quad {
  unsigned r[4];
};
struct alignas(8) Pair {
  unsigned r[2];
};

}  // namespace steepest::cuda::unit
