// SPDX-License-Identifier: Apache-2.0
#include "steepest/block.h"

#include <ATen/ATen.h>

#include <numeric>

namespace steepest {
namespace {

// The stored matrices of a piece as [B, r, c], before parts and transposition.
at::Tensor stored(const at::Tensor& t, Role role, bool batch) {
  if (role == Role::backup && t.dim() != 2) return t.reshape({1, 1, t.numel()});
  if (t.dim() == 2) return t.unsqueeze(0);
  const int64_t rows = batch ? t.size(-2) : t.size(0);
  const int64_t cols = batch ? t.size(-1) : t.numel() / std::max<int64_t>(1, t.size(0));
  return t.reshape({batch ? -1 : 1, rows, cols});
}

void check_view(const std::string& name, at::IntArrayRef shape, Role role, const View& view) {
  TORCH_CHECK_VALUE(role == Role::backup || shape.size() >= 2, name,
                    ": role matrix: received shape ", shape, ", allowed 2 or more dimensions");
  const bool split = !view.split_sizes.empty() || view.num_heads > 0;
  if (!split) return;
  TORCH_CHECK_VALUE(view.split_sizes.empty() || view.num_heads == 0, name,
                    ": received split_sizes and num_heads, allowed one of them");
  TORCH_CHECK_VALUE(shape.size() == 2, name, ": split: received shape ", shape,
                    ", allowed 2 dimensions");
  TORCH_CHECK_VALUE(view.split_dim == 0 || view.split_dim == 1, name, ": split_dim: received ",
                    view.split_dim, ", allowed 0 or 1");
  const int64_t size = shape[view.split_dim];
  const int64_t total =
      std::accumulate(view.split_sizes.begin(), view.split_sizes.end(), int64_t{0});
  TORCH_CHECK_VALUE(view.split_sizes.empty() || total == size, name,
                    ": split_sizes: received a sum of ", total, ", allowed ", size,
                    ", the size of dimension ", view.split_dim);
  TORCH_CHECK_VALUE(view.num_heads == 0 || size % view.num_heads == 0, name,
                    ": num_heads: received ", view.num_heads, ", allowed a divisor of ", size);
  for (const auto part : view.split_sizes) {
    TORCH_CHECK_VALUE(part > 0, name, ": split_sizes: received ", part, ", allowed sizes above 0");
  }
}

}  // namespace

at::Tensor Block::piece(const at::Tensor& t) const {
  return length < 0 ? t : t.narrow(dim, offset, length);
}

at::Tensor Block::matrices(const at::Tensor& t) const {
  auto m = stored(piece(t), role, view.batch);
  if (parts > 1 && dim == 0) m = m.reshape({parts, m.size(1) / parts, m.size(2)});
  if (parts > 1 && dim == 1) m = m[0].reshape({m.size(1), parts, -1}).permute({1, 0, 2});
  return view.transposed ? m.transpose(1, 2) : m;
}

at::Tensor Block::unmatrices(const at::Tensor& s, const at::Tensor& piece) const {
  auto m = view.transposed ? s.transpose(1, 2) : s;
  if (parts > 1 && dim == 1) m = m.permute({1, 0, 2});
  return m.reshape(piece.sizes());
}

std::vector<Block> make_blocks(const std::string& name, at::IntArrayRef shape, Role role,
                               const View& view) {
  check_view(name, shape, role, view);
  const auto proto = at::empty(shape, at::TensorOptions(at::kMeta));
  std::vector<int64_t> lengths = view.split_sizes;
  if (view.num_heads > 0) lengths.assign(view.num_heads, shape[view.split_dim] / view.num_heads);

  std::vector<Block> blocks;
  int64_t offset = 0;
  for (size_t i = 0; i < std::max<size_t>(1, lengths.size());) {
    Block block{.role = role, .view = view};
    if (!lengths.empty()) {  // neighbours of equal size become one batch
      size_t end = i;
      while (end < lengths.size() && lengths[end] == lengths[i]) ++end;
      block.dim = view.split_dim;
      block.offset = offset;
      block.parts = static_cast<int64_t>(end - i);
      block.length = block.parts * lengths[i];
      offset += block.length;
      i = end;
    } else {
      ++i;
    }
    const auto m = block.matrices(proto);
    block.batch = m.size(0), block.rows = m.size(1), block.cols = m.size(2);
    for (size_t d = 2; !view.batch && d < shape.size(); ++d) block.kernel *= shape[d];
    blocks.push_back(block);
  }
  return blocks;
}

}  // namespace steepest
