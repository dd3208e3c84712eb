// SPDX-License-Identifier: Apache-2.0
#include "steepest/distributed/local_blocks.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>

#include "steepest/base/text.h"

namespace steepest {
namespace {

// Sets the block's batch, rows and columns to those of its piece of a tensor of this shape, and
// says whether it has any entries.
bool fit(Block& block, at::IntArrayRef shape) {
  const auto m = block.matrices(at::empty(shape, at::TensorOptions(at::kMeta)));
  block.batch = m.size(0), block.rows = m.size(1), block.cols = m.size(2);
  return m.numel() > 0;
}

// Returns the number of matrices that one index of the parameter's dimension 0 stands for, where
// leading dimensions count matrices; 0 where dimension 0 is one of the matrices' own.
int64_t matrices_per_index(const Block& block, const PlannedParam& param) {
  const auto& shape = param.shape;
  if (!block.view.batch || shape.size() < 3 || block.role != Role::matrix) return 0;
  int64_t matrices = block.parts;
  for (size_t d = 1; d + 2 < shape.size(); ++d) matrices *= shape[d];
  return matrices;
}

}  // namespace

std::vector<Block> local_blocks(const Block& block, const Box& box, const PlannedParam& param) {
  std::vector<Block> all;
  if (box.numel() == 0) return all;
  const auto add = [&](Block part) {
    if (fit(part, box.size)) all.push_back(part);
  };
  Block part = block;
  const int64_t each = matrices_per_index(block, param);
  if (each > 0) part.leaf += box.begin[0] * each;
  if (block.length < 0) {
    add(part);
    return all;
  }
  const int64_t dim = block.dim, first = box.begin[dim], end = first + box.size[dim];
  if (box.size[dim] == param.shape[dim]) {
    add(part);
    return all;
  }
  TORCH_CHECK_VALUE(param.shape.size() == 2, shown(param.name),
                    ": received shards of a split dimension of a batch, allowed whole ones");
  // Part number i of the piece lies at offset + i width; the first and the last may be cut.
  const int64_t width = block.length / block.parts;
  for (int64_t i = 0; i < block.parts;) {
    const int64_t begin = block.offset + i * width;
    const int64_t from = std::max(begin, first), to = std::min(begin + width, end);
    int64_t count = 1;
    if (to - from == width)
      while (i + count < block.parts && begin + (count + 1) * width <= end) ++count;
    if (to > from) {
      part.leaf = block.leaf + i, part.offset = from - first, part.parts = count;
      part.length = count > 1 ? count * width : to - from;
      add(part);
    }
    i += count;
  }
  return all;
}

}  // namespace steepest
