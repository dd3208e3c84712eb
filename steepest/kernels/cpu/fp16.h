// SPDX-License-Identifier: Apache-2.0
// The registers of AVX-512 FP16, for loops that multiply in float16. These functions are inlined
// into functions marked STEEPEST_FP16, which must only run where has_fp16().
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && defined(__FLT16_MANT_DIG__)
#define STEEPEST_HAS_FP16 1

#include <immintrin.h>

#include <cstdint>

#include "steepest/kernels/cpu/instruction_set.h"
#include "steepest/kernels/cpu/transpose.h"

namespace steepest::cpu {

// Whether the processor has AVX-512 FP16, and STEEPEST_CPU allows it.
inline bool has_fp16() {
  return __builtin_cpu_supports("avx512fp16") && is_allowed(InstructionSet::avx512_fp16);
}

#define STEEPEST_FP16 [[gnu::target("avx512fp16,avx512bw,avx512vl")]]

typedef _Float16 Halves __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));  // two float16 in each
typedef uint32_t EightWords __attribute__((vector_size(32)));

// Returns the bits of `from` as a value of another type of the same size.
template <typename To, typename From>
STEEPEST_FP16 [[gnu::always_inline]] inline To same_bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}
// Returns the vector whose first element is at `from`, which need not be aligned.
template <typename Vector>
STEEPEST_FP16 [[gnu::always_inline]] inline Vector load(const void* from) {
  Vector v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

// Returns the words 0 to 7 of a register, which are 16 float16.
STEEPEST_FP16 inline EightWords lower(const Words& w) {
  return __builtin_shufflevector(w, w, 0, 1, 2, 3, 4, 5, 6, 7);
}
// Returns the words 8 to 15 of a register, which are 16 float16.
STEEPEST_FP16 inline EightWords upper(const Words& w) {
  return __builtin_shufflevector(w, w, 8, 9, 10, 11, 12, 13, 14, 15);
}

// Returns sixteen float16, two in a word, as float32. The intrinsic is the one with a mask, of all
// elements: in the form without one, GCC 12 sees an uninitialised operand.
STEEPEST_FP16 inline Sixteen to_float32(const EightWords& halves) {
  return same_bits<Sixteen>(_mm512_maskz_cvtph_ps(0xffff, same_bits<__m256i>(halves)));
}
// Returns scale * x[i] for the sixteen elements at x, rounded to the nearest float16, two in a
// word. The intrinsic has a mask as in to_float32().
STEEPEST_FP16 inline EightWords rounded(const float* x, float scale) {
  const auto scaled = same_bits<__m512>(load<Sixteen>(x) * scale);
  return same_bits<EightWords>(_mm512_maskz_cvtps_ph(0xffff, scaled, _MM_FROUND_TO_NEAREST_INT));
}
// Returns scale * x[i] for the 32 elements at x, rounded to the nearest float16, in their order,
// two in a word.
STEEPEST_FP16 inline Words rounded_row(const float* x, float scale) {
  return __builtin_shufflevector(rounded(x, scale), rounded(x + 16, scale), 0, 1, 2, 3, 4, 5, 6, 7,
                                 8, 9, 10, 11, 12, 13, 14, 15);
}

}  // namespace steepest::cpu

#else
#define STEEPEST_HAS_FP16 0
#endif
