// SPDX-License-Identifier: Apache-2.0
// y = A x and z = A^T y in one reading of A. For a few columns both products wait for memory: A's
// rows are used twice while they are in the cache, which no pair of BLAS calls does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace steepest::cpu {

// The columns that x may have; and those which the processor takes in its stride: with AVX-512 all
// of them.
constexpr int64_t kSweepNarrow = 8, kSweepWide = 16;
int64_t sweep_width();

struct Sweep {
  const float* a = nullptr;  // row-major [rows, columns]
  int64_t rows = 0, columns = 0, width = 0;
  const float* x = nullptr;  // [columns, width]
  float* y = nullptr;        // [rows, width]
  float* z = nullptr;        // [columns, width]
};

// The processor has AVX2 and FMA.
bool has_sweep();

// The same bits on any number of threads.
void sweep(const Sweep& s);

// A rounded to float16, for the same by AVX-512 FP16: a number of y is off by about 1e-4 |a_i|
// |x_j|, one of z by as much of |a_k| |y_j|. It lies in this thread's scratch, so that there may be
// one of them at a time.
class HalfMatrix {
 public:
  // The processor has it, and the copy would not be too large.
  static bool possible(int64_t rows, int64_t columns);

  HalfMatrix(const float* a, int64_t rows, int64_t columns);

  // x and z [columns, width], y [rows, width]. The first one rounds. False, with y and z of no use,
  // where A's numbers are not finite or too unlike each other for float16's range.
  bool sweep(int64_t width, const float* x, float* y, float* z);

 private:
  template <int64_t kWidth>
  bool run(const Sweep& s);

  const float* a_ = nullptr;  // until it is rounded
  std::byte* rounded_ = nullptr;
  int64_t rows_ = 0, columns_ = 0;
  float scale_ = 1;
};

}  // namespace steepest::cpu
