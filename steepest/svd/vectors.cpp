// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/vectors.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "steepest/kernels/cpu/tall.h"

namespace steepest::svd {

at::Tensor gram(const at::Tensor& x) {
  if (x.size(1) != cpu::kTallWidth || !x.is_contiguous()) {
    const auto wide = x.to(at::kDouble);
    return at::mm(wide.mT(), wide);
  }
  const auto g = at::empty({cpu::kTallWidth, cpu::kTallWidth}, x.options().dtype(at::kDouble));
  cpu::tall_gram(x.const_data_ptr<float>(), x.size(0), g.mutable_data_ptr<double>());
  return g;
}
at::Tensor times(const at::Tensor& x, const at::Tensor& t) {
  if (x.size(1) != cpu::kTallWidth || t.size(1) != cpu::kTallWidth || !x.is_contiguous())
    return at::mm(x.to(at::kDouble), t).to(at::kFloat);
  const auto y = at::empty_like(x);
  const auto small = t.to(at::kFloat).contiguous();
  cpu::tall_product(x.const_data_ptr<float>(), x.size(0), small.const_data_ptr<float>(),
                    y.mutable_data_ptr<float>());
  return y;
}

void Vectors::make_room(int64_t vectors, int64_t at_first) {
  const int64_t room = storage_.defined() ? storage_.size(0) : 0;
  if (room >= vectors) return;
  vectors = std::max({vectors, at_first, 2 * room});
  const auto before = rows_.defined() ? rows_.clone() : at::Tensor();
  storage_ = at::from_blob(cpu::scratch<float>(memory_, vectors * length_), {vectors, length_},
                           at::TensorOptions(at::kFloat));
  if (before.defined()) replace(before);
}

void Vectors::append(const at::Tensor& columns) {
  const int64_t have = rows_.defined() ? rows_.size(0) : 0;
  rows_ = storage_.narrow(0, 0, have + columns.size(1));
  cpu::transpose_tall(columns.const_data_ptr<float>(), length_, columns.size(1), columns.stride(0),
                      storage_.mutable_data_ptr<float>() + have * length_);
}

void Vectors::replace(const at::Tensor& rows) {
  rows_ = storage_.narrow(0, 0, rows.size(0));
  rows_.copy_(rows);
}

namespace {

// Takes from x what is along the rows; returns the squares of that, column by column.
at::Tensor project_out(const at::Tensor& rows, at::Tensor& x) {
  const auto c = at::mm(rows, x);
  x = at::addmm(x, rows.mT(), c, 1, -1);
  return c.to(at::kDouble).square().sum(0);
}

}  // namespace

// With V^T V = I + D a projection leaves D c of what it takes away, c = V^T x: of a Krylov space,
// where c is large along the last blocks, D would grow by |c| / |rest| a block. So these go first:
// what the whole projection takes then is small, or it is done again.
at::Tensor across(const Vectors& v, at::Tensor x, int64_t last, double* left) {
  const int64_t have = v.rows().defined() ? v.rows().size(0) : 0;
  at::Tensor along;
  if (last < have) along = project_out(v.rows().narrow(0, have - last, last), x);
  for (int pass = 0; pass < 3 && x.size(1) > 0; ++pass) {
    const auto taken = have > 0 ? project_out(v.rows(), x) : at::Tensor();
    const auto g = gram(x);
    const auto [d, e] = at::linalg_eigh(g);
    const auto before = taken.defined() ? g.diagonal() + taken : g.diagonal();
    const bool little = (g.diagonal() > .5 * before).all().item<bool>();
    const double most = before.max().item<double>();
    // Dropped is what is rounding of the whole; of what is of unit length, also what is mostly so.
    double least = 1e-2 * most;
    if (pass == 0) {
      const auto all = along.defined() ? before + along : before;
      least = 1e-10 * all.max().item<double>();
      if (left != nullptr) *left = (g.diagonal() / all).max().sqrt().item<double>();
    }
    const auto* const squares = d.const_data_ptr<double>();
    const int64_t n = d.size(0), dropped = std::count_if(squares, squares + n,
                                                         [&](double s) { return !(s > least); });
    x = times(x, e.narrow(1, dropped, n - dropped) * d.narrow(0, dropped, n - dropped).rsqrt());
    if (dropped == 0 && little && squares[0] > 1e-2 * most) break;
  }
  return x;
}

}  // namespace steepest::svd
