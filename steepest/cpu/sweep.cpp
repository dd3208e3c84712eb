// SPDX-License-Identifier: Apache-2.0
// A panel of rows at a time: its y stays in registers, as the sums of the first product and as the
// factors of the second one. The rows are dealt in stretches, each with a z of its own, added in
// their order at the end.
#include "steepest/cpu/sweep.h"

#include <algorithm>

#include "steepest/cpu/scratch.h"
#include "steepest/cpu/work_queue.h"

namespace steepest::cpu {

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

typedef float Eight __attribute__((vector_size(32)));
constexpr int kLanes = 8, kLine = 16;  // numbers in a register, in a line of the cache

[[gnu::always_inline, gnu::target("avx2,fma")]] inline Eight load(const float* p) {
  Eight v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
[[gnu::always_inline, gnu::target("avx2,fma")]] inline void store(float* p, const Eight& v) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <int kRows, int kVectors>
[[gnu::target("avx2,fma")]] void panel(const Sweep& s, const float* a, float* y, float* z) {
  constexpr int kWidth = kVectors * kLanes;
  Eight sum[kRows][kVectors] = {};
  for (int64_t k = 0; k < s.columns; ++k) {
    if (k % kLine == 0)  // more rows than the processor foresees by itself
      for (int i = 0; i < kRows; ++i) __builtin_prefetch(a + i * s.columns + k + 8 * kLine);
    Eight x[kVectors];
    for (int v = 0; v < kVectors; ++v) x[v] = load(s.x + k * kWidth + v * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i)
      for (int v = 0; v < kVectors; ++v) sum[i][v] += a[i * s.columns + k] * x[v];
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
    for (int v = 0; v < kVectors; ++v) store(y + i * kWidth + v * kLanes, sum[i][v]);
  for (int64_t k = 0; k < s.columns; ++k) {
    Eight to[kVectors];
    for (int v = 0; v < kVectors; ++v) to[v] = load(z + k * kWidth + v * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i)
      for (int v = 0; v < kVectors; ++v) to[v] += a[i * s.columns + k] * sum[i][v];
    for (int v = 0; v < kVectors; ++v) store(z + k * kWidth + v * kLanes, to[v]);
  }
}

template <int kRows, int kVectors>
void stretch(const Sweep& s, int64_t begin, int64_t end, float* z) {
  constexpr int64_t kWidth = int64_t{kVectors} * kLanes;
  std::fill_n(z, s.columns * kWidth, 0.0f);
  int64_t i = begin;
  for (; i + kRows <= end; i += kRows)
    panel<kRows, kVectors>(s, s.a + i * s.columns, s.y + i * kWidth, z);
  for (; i < end; ++i) panel<1, kVectors>(s, s.a + i * s.columns, s.y + i * kWidth, z);
}

}  // namespace

bool has_sweep() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

void sweep(const Sweep& s) {
  constexpr int64_t kLeastRows = 128, kMostStretches = 8;
  const int64_t size = s.columns * s.width;
  const int64_t stretches = std::clamp<int64_t>(s.rows / kLeastRows, 1, kMostStretches);
  const int64_t rows = ((s.rows + stretches - 1) / stretches + 23) / 24 * 24;  // whole panels
  auto* const parts = scratch<float>(Scratch::stretches, (stretches - 1) * size + 1);
  const auto z = [&](int64_t i) { return i == 0 ? s.z : parts + (i - 1) * size; };
  run_queue(stretches, [&](int64_t i) {
    const int64_t begin = std::min(i * rows, s.rows), end = std::min(begin + rows, s.rows);
    const auto run = s.width == kSweepNarrow ? stretch<8, 1> : stretch<6, 2>;
    run(s, begin, end, z(i));
  });
  for (int64_t i = 1; i < stretches; ++i) {
    const float* const part = z(i);
    for (int64_t k = 0; k < size; ++k) s.z[k] += part[k];
  }
}

#else
bool has_sweep() { return false; }
void sweep(const Sweep&) {}
#endif

}  // namespace steepest::cpu
