// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/pseudo_random.h"

#include "steepest/kernels/plain.h"

namespace steepest::cpu {
namespace {

// A round of a 32-bit hash.
uint32_t mix(uint32_t x) { return (x ^ x >> 16) * 0x45d9f3b; }

}  // namespace

bool fill_pseudo_random(const at::Tensor& out, int64_t first_column) {
  if (!is_plain(out)) return false;
  const int64_t rows = out.size(0), columns = out.size(1);
  auto* const to = out.mutable_data_ptr<float>();
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const auto seed = static_cast<uint32_t>(i + (first_column + 1 + j) * 0x1e3779b1);
      const uint32_t x = mix(mix(seed));
      to[i * columns + j] = static_cast<float>((x ^ x >> 16) >> 8) * 0x1p-23f - 1;
    }
  }
  return true;
}

}  // namespace steepest::cpu
