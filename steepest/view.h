// SPDX-License-Identifier: Apache-2.0
// How a parameter is seen: as matrices or not, and as which.
#pragma once

#include <cstdint>
#include <vector>

#include "steepest/base/api.h"

namespace STEEPEST_API steepest {

// A parameter is steepened as matrices, or left to the backup: the norm of what is no matrix
// (biases, gains, embeddings, output heads).
enum class Role { matrix, backup };

// How a parameter is to be seen. The default: 2-D as it is, convolutions (out, in, k..) as
// (out, in k..), vectors as 1 x n.
struct View {
  bool batch = false;  // 3-D and higher: the last two dimensions are matrices, the rest a batch;
                       // false: everything after the first dimension is flattened
  bool transposed = false;           // matrices are stored (in, out)
  std::vector<int64_t> split_sizes;  // a fused matrix: its parts along split_dim
  int64_t num_heads = 0;             // or: so many equal parts
  int64_t split_dim = 0;             // 0 (out) or 1 (in), of the matrix as stored

  bool operator==(const View&) const = default;
};

}  // namespace steepest
