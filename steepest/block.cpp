// SPDX-License-Identifier: Apache-2.0
#include "steepest/block.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

namespace steepest {

const char* text_of(Role role) { return role == Role::matrix ? "matrix" : "non-matrix"; }

namespace {

// Returns a piece t of a parameter as the matrices [B, r, c] in which it is stored, before they are
// split into parts or transposed: a view where strides allow. With `batch`, the view's option, the
// last two dimensions are matrices; else all after the first are flattened into columns. A backup
// parameter that is no matrix is one row, [1, 1, n].
at::Tensor as_stored(const at::Tensor& t, Role role, bool batch) {
  if (role == Role::backup && t.dim() != 2) return t.reshape({1, 1, t.numel()});
  if (t.dim() == 2) return t.unsqueeze(0);
  const int64_t rows = batch ? t.size(-2) : t.size(0);
  const int64_t cols = batch ? t.size(-1) : t.numel() / std::max<int64_t>(1, t.size(0));
  return t.reshape({batch ? -1 : 1, rows, cols});
}

// Returns which dimension of a parameter of this shape view.split_dim, 0 or 1 of its stored
// matrices, means.
int64_t dim_of_split(at::IntArrayRef shape, const View& view) {
  const bool batch = view.batch && shape.size() > 2;
  return (batch ? static_cast<int64_t>(shape.size()) - 2 : 0) + view.split_dim;
}

// Throws c10::ValueError, naming the parameter, unless dimension `dim` of it, of length `size`, can
// be divided as the view says: the split sizes are above 0 and add up to `size`, or `size` is a
// multiple of num_heads. Sums beyond int64 count as its largest number.
void check_parts(const std::string& name, const View& view, int64_t size, int64_t dim) {
  int64_t total = 0;
  for (const auto part : view.split_sizes) {
    TORCH_CHECK_VALUE(part > 0, name, ": split_sizes: received ", part, ", allowed sizes above 0");
    if (__builtin_add_overflow(total, part, &total)) total = std::numeric_limits<int64_t>::max();
  }
  TORCH_CHECK_VALUE(view.split_sizes.empty() || total == size, name,
                    ": split_sizes: received a sum of ", total, ", allowed ", size,
                    ", the size of dimension ", dim);
  const bool divides = view.num_heads <= std::max<int64_t>(1, size) &&
                       (view.num_heads == 0 || size % view.num_heads == 0);
  TORCH_CHECK_VALUE(divides, name, ": num_heads: received ", view.num_heads,
                    ", allowed a divisor of ", size);
}

// Throws c10::ValueError, which begins with the parameter's name, where a view that splits it does
// not fit its shape or role.
void check_split(const std::string& name, at::IntArrayRef shape, Role role, const View& view) {
  TORCH_CHECK_VALUE(view.split_sizes.empty() || view.num_heads == 0, name,
                    ": received split_sizes and num_heads, allowed one of them");
  TORCH_CHECK_VALUE(shape.size() == 2 || (role == Role::matrix && shape.size() > 2), name,
                    ": split: received shape ", shape, ", allowed a matrix or a batch of them");
  TORCH_CHECK_VALUE(view.split_dim == 0 || view.split_dim == 1, name, ": split_dim: received ",
                    view.split_dim, ", allowed 0 or 1");
  TORCH_CHECK_VALUE(shape.size() == 2 || view.batch || view.split_dim == 0, name,
                    ": split_dim: received 1, allowed 0 of a flattened parameter");
  const int64_t dim = dim_of_split(shape, view);
  check_parts(name, view, shape[dim], dim);
}

// Throws c10::ValueError, which begins with the parameter's name, where the view does not fit its
// shape or role; a matrix has 2 dimensions or more.
void check_view(const std::string& name, at::IntArrayRef shape, Role role, const View& view) {
  TORCH_CHECK_VALUE(role == Role::backup || shape.size() >= 2, name,
                    ": role matrix: received shape ", shape, ", allowed 2 or more dimensions");
  TORCH_CHECK_VALUE(view.num_heads >= 0, name, ": num_heads: received ", view.num_heads,
                    ", allowed a number from 0 up");
  if (!view.split_sizes.empty() || view.num_heads > 0) check_split(name, shape, role, view);
}

}  // namespace

at::Tensor Block::piece(const at::Tensor& t) const {
  return length < 0 ? t : t.narrow(dim, offset, length);
}

at::Tensor Block::matrices(const at::Tensor& t) const { return matrices_of(piece(t)); }

at::Tensor Block::matrices_of(const at::Tensor& piece) const {
  auto m = as_stored(piece, role, view.batch);
  if (parts > 1 && view.split_dim == 0) {
    m = m.reshape({m.size(0) * parts, m.size(1) / parts, m.size(2)});
  } else if (parts > 1) {
    const auto apart = m.reshape({m.size(0), m.size(1), parts, -1}).permute({0, 2, 1, 3});
    m = apart.reshape({m.size(0) * parts, m.size(1), -1});
  }
  return view.transposed ? m.transpose(1, 2) : m;
}

at::Tensor Block::unmatrices(const at::Tensor& s, const at::Tensor& piece) const {
  auto m = view.transposed ? s.transpose(1, 2) : s;
  if (parts > 1 && view.split_dim == 1) {
    m = m.reshape({m.size(0) / parts, parts, m.size(1), m.size(2)}).permute({0, 2, 1, 3});
  }
  return m.reshape(piece.sizes());
}

std::vector<Block> make_blocks(const std::string& name, at::IntArrayRef shape, Role role,
                               const View& view) {
  check_view(name, shape, role, view);
  // Without memory: from it the blocks take the shapes of their matrices.
  const auto proto = at::empty(shape, at::TensorOptions(at::kMeta));
  std::vector<int64_t> lengths = view.split_sizes;
  if (view.num_heads > 0) {
    lengths.assign(view.num_heads, shape[dim_of_split(shape, view)] / view.num_heads);
  }

  std::vector<Block> blocks;
  int64_t offset = 0;
  for (size_t i = 0; i < std::max<size_t>(1, lengths.size());) {
    Block block{.role = role, .view = view};
    if (!lengths.empty()) {  // neighbours of equal size become one batch
      size_t end = i;
      while (end < lengths.size() && lengths[end] == lengths[i]) ++end;
      block.dim = dim_of_split(shape, view);
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
