// SPDX-License-Identifier: Apache-2.0
// STEEPEST_EVERY_CPU before a loop's function: compiled for AVX-512, AVX2 and the plain processor,
// chosen when the library is loaded. Entry by entry the bits are the same; the order of a sum is
// not.
#pragma once

#if defined(__x86_64__) && __GNUC__ >= 12 && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define STEEPEST_EVERY_CPU \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define STEEPEST_EVERY_CPU
#endif
