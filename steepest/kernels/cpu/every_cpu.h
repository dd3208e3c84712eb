// SPDX-License-Identifier: Apache-2.0
// STEEPEST_EVERY_CPU before a function with a loop compiles it for AVX-512, AVX2 and the plain
// processor; which of them runs is decided when the library is loaded. An elementwise loop gives
// the same bits in each; a sum does not, as its order differs.
#pragma once

#if defined(__x86_64__) && __GNUC__ >= 12 && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define STEEPEST_EVERY_CPU \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define STEEPEST_EVERY_CPU
#endif
