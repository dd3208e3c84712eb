// SPDX-License-Identifier: Apache-2.0
// The transpose of 16 x 16 elements of 32 bits in AVX-512's registers, or of 8 x 8 in AVX2's,
// inlined into functions of that target.
#pragma once

#include <initializer_list>

namespace steepest::cpu {

#if defined(__x86_64__) && defined(__GNUC__)

typedef float Eight __attribute__((vector_size(32)));
typedef int EightIndices __attribute__((vector_size(32)));
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

// Writes the shuffles of a and b by two lists of indices, in which 8 is b's first element, in their
// place.
[[gnu::always_inline]] inline void shuffle(Eight& a, Eight& b, EightIndices low,
                                           EightIndices high) {
  const Eight x = a, y = b;
  a = __builtin_shuffle(x, y, low);
  b = __builtin_shuffle(x, y, high);
}

// Transposes the 8 x 8 elements of the 8 registers at `row`, in place. Each of the shuffles is one
// instruction of AVX2, which exchange() would not be: single elements and pairs change places
// within halves of registers, and then the halves.
[[gnu::always_inline]] inline void transpose(Eight* row) {
  for (int i = 0; i < 8; i += 2)
    shuffle(row[i], row[i + 1], EightIndices{0, 8, 1, 9, 4, 12, 5, 13},
            EightIndices{2, 10, 3, 11, 6, 14, 7, 15});
  for (const int i : {0, 1, 4, 5})
    shuffle(row[i], row[i + 2], EightIndices{0, 1, 8, 9, 4, 5, 12, 13},
            EightIndices{2, 3, 10, 11, 6, 7, 14, 15});
  // Registers 0, 2, 1, 3 now have the columns 0 to 3 of the upper rows, and behind them 4 to 7;
  // registers 4, 6, 5, 7 those of the lower rows.
  for (int i = 0; i < 4; ++i)
    shuffle(row[i], row[i + 4], EightIndices{0, 1, 2, 3, 8, 9, 10, 11},
            EightIndices{4, 5, 6, 7, 12, 13, 14, 15});
  for (const int i : {1, 5}) {
    const Eight second = row[i + 1];
    row[i + 1] = row[i];
    row[i] = second;
  }
}

#endif

}  // namespace steepest::cpu
