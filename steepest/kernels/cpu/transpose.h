// SPDX-License-Identifier: Apache-2.0
// The transpose of 16 x 16 elements of 32 bits in AVX-512's registers, inlined into functions of
// that target.
#pragma once

namespace steepest::cpu {

#if defined(__x86_64__) && defined(__GNUC__)

typedef float Sixteen __attribute__((vector_size(64)));
typedef int SixteenIndices __attribute__((vector_size(64)));

// Does one step of transpose() on the 16 registers of 16 elements at `row`: in each block of 2
// kDistance x 2 kDistance of these elements exchanges the upper right quarter with the lower left
// one. The distances 8, 4, 2 and 1 one after another transpose all.
template <int kDistance>
[[gnu::always_inline]] inline void exchange(Sixteen* row) {
  SixteenIndices low, high;
  for (int j = 0; j < 16; ++j) {
    const bool upper = (j & kDistance) != 0;
    low[j] = upper ? 16 + j - kDistance : j;
    high[j] = upper ? 16 + j : j + kDistance;
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    if ((i & kDistance) != 0) continue;
    const Sixteen a = row[i], b = row[i + kDistance];
    row[i] = __builtin_shuffle(a, b, low);
    row[i + kDistance] = __builtin_shuffle(a, b, high);
  }
}

// Transposes the 16 x 16 elements of the 16 registers at `row`, in place.
[[gnu::always_inline]] inline void transpose(Sixteen* row) {
  exchange<8>(row);
  exchange<4>(row);
  exchange<2>(row);
  exchange<1>(row);
}

#endif

}  // namespace steepest::cpu
