// SPDX-License-Identifier: Apache-2.0
// The instruction sets for which there are kernels, and the limit that the environment sets them.
#pragma once

#include <string>

namespace steepest::cpu {

// From the smallest to the largest. `aten` is none of ours: ATen does the products.
enum class InstructionSet { aten, avx2, avx512, avx512_bf16, avx512_fp16, amx };

// Whether the environment variable STEEPEST_CPU, the name of the largest instruction set that the
// kernels may use ("avx512"), allows this one; unset or empty, it allows all. It is read once.
// Throws c10::ValueError where it names none. Whether the processor has the set is another
// question.
bool is_allowed(InstructionSet set);

#if defined(__x86_64__) && defined(__GNUC__)
// Whether the processor has AVX2 with FMA, and STEEPEST_CPU allows it.
inline bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         is_allowed(InstructionSet::avx2);
}
// Whether the processor has AVX-512's foundation, and STEEPEST_CPU allows it.
inline bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && is_allowed(InstructionSet::avx512);
}
#endif

// Returns what STEEPEST_CPU says, "" where it is unset.
std::string cpu_limit();

}  // namespace steepest::cpu
