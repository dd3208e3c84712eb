// SPDX-License-Identifier: Apache-2.0
#include "steepest/distributed/local_blocks.h"

#include <c10/util/Exception.h>
#include <c10/util/accumulate.h>

#include <algorithm>
#include <utility>

#include "steepest/base/text.h"

namespace steepest {
namespace {

// Sets the block's batch, rows and columns to those of its piece of a tensor of this shape, as
// Block::matrices() has them, and says whether it has any entries.
bool fit(Block& block, std::vector<int64_t> shape) {
  if (block.length >= 0) shape[block.dim] = block.length;
  const int64_t entries = c10::multiply_integers(shape);
  if (entries == 0) return false;
  const bool batched = block.view.batch && shape.size() > 2;
  const bool vector = block.role == Role::backup && shape.size() != 2;
  block.rows = vector ? 1 : batched ? shape[shape.size() - 2] : shape[0];
  block.cols = !vector && batched ? shape.back() : entries / block.rows;
  if (block.parts > 1) (block.view.split_dim == 0 ? block.rows : block.cols) /= block.parts;
  block.batch = entries / block.rows / block.cols;
  if (block.view.transposed) std::swap(block.rows, block.cols);
  return true;
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
