// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/pseudo_random.h"

#include "steepest/kernels/plain.h"

namespace steepest::cpu {
namespace {

// Returns x after one round of a 32-bit hash, which spreads a change of one bit over many: the same
// as in svd/pseudo_random.cpp.
uint32_t hash_round(uint32_t x) { return (x ^ x >> 16) * 0x45d9f3b; }

}  // namespace

bool fill_pseudo_random(const at::Tensor& out, int64_t first_column) {
  if (!is_contiguous_float32(out)) return false;
  const int64_t rows = out.size(0), columns = out.size(1);
  auto* const to = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      // The seed, and the upper 24 bits of its hash, are those of svd/pseudo_random.cpp.
      const auto seed = static_cast<uint32_t>(i + (first_column + 1 + j) * 0x1e3779b1);
      const uint32_t x = hash_round(hash_round(seed));
      to[i * columns + j] = static_cast<float>((x ^ x >> 16) >> 8) * 0x1p-23f - 1;
    }
  }
  return true;
}

}  // namespace steepest::cpu
