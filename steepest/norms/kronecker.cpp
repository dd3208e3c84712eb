// SPDX-License-Identifier: Apache-2.0
#include "steepest/norms/kronecker.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "steepest/base/constants.h"
#include "steepest/base/tensor.h"
#include "steepest/norms/symmetric.h"

namespace steepest::norms {

Due::Due(const std::vector<int64_t>& indices, int64_t batch, const at::Device& device)
    : none_(indices.empty()) {
  if (static_cast<int64_t>(indices.size()) < batch) indices_ = constants(indices, device);
}

at::Tensor Due::of(const at::Tensor& x) const {
  return indices_.defined() ? x.index_select(0, indices_) : x;
}

Sides Due::bases_of(const Sides& sides) const {
  Sides mine;
  for (const auto& side : sides) mine.push_back({.left = side.left, .basis = of(side.basis)});
  return mine;
}

void Due::put(const at::Tensor& x, const at::Tensor& y) const {
  indices_.defined() ? x.index_copy_(0, indices_, y.to(x.scalar_type())) : x.copy_(y);
}

Kronecker::Kronecker(const Spec& spec, Kind kind)
    : kind_(std::move(kind)),
      sides_(word_argument(spec, "sides", {"both", "left", "right", "short"})),
      refresh_(integer_argument(spec, "refresh", 10, 1)),
      max_dim_(integer_argument(spec, "max_dim", 10000, 0)),
      vectors_(word_argument(spec, "vectors", {"false", "true"}) == "true") {}

std::vector<std::string> Kronecker::arguments(std::vector<std::string> more) {
  more.insert(more.end(), {"sides", "refresh", "max_dim", "vectors"});
  return more;
}

// Of a row or a column the long side's factor has rank 1 a gradient, at a cost that is the square
// of its length: without `vectors` only the other side, a number, may have one.
bool Kronecker::has_side(bool left, int64_t rows, int64_t cols) const {
  const int64_t size = left ? rows : cols;
  if (size < kind_.smallest || size > max_dim_) return false;
  if (std::min(rows, cols) == 1 && !vectors_) return size == 1 && (left || rows > 1);
  return sides_ == "both" ||
         (sides_ == "short" ? left == (rows <= cols) : left == (sides_ == "left"));
}

std::vector<Slot> Kronecker::slots(int64_t rows, int64_t cols) const {
  std::vector<Slot> all;
  for (const bool left : {true, false}) {
    if (!has_side(left, rows, cols)) continue;
    const std::string side = left ? "left_" : "right_";
    const auto shape = left ? Slot::Shape::left : Slot::Shape::right;
    all.push_back({side + "factor", shape});
    all.push_back({side + kind_.basis, shape, 0, Slot::Start::identity});
    if (kind_.values)
      all.push_back({side + "eigenvalues", left ? Slot::Shape::rows : Slot::Shape::columns});
  }
  return all;
}

Sides Kronecker::sides(const at::Tensor& m, const NormContext& context, size_t first) const {
  Sides all;
  for (const bool left : {true, false}) {
    if (!has_side(left, m.size(1), m.size(2))) continue;
    all.push_back({left, context.slots[first], context.slots[first + 1]});
    if (kind_.values) all.back().values = context.slots[first + 2];
    first += kind_.values ? 3 : 2;
  }
  return all;
}

Due Kronecker::due(const at::Tensor& m, const NormContext& context) const {
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < m.size(0); ++i) {
    const int64_t leaf = context.leaves.empty() ? 0 : context.leaves[i];
    if (context.step == 1 || (context.step - 1 + leaf) % refresh_ == 0) indices.push_back(i);
  }
  return {indices, m.size(0), m.device()};
}

void update_factors(const Sides& sides, const at::Tensor& g, const Average& average) {
  for (const auto& side : sides) {
    const auto square = symmetric_product(side.left ? g : g.mT());
    side.factor.mul_(average.keep).add_(square.to(side.factor.scalar_type()), average.take);
  }
}

at::Tensor turn(const Side& side, const Due& due, bool sorted) {
  const auto basis = at_least_float32(due.of(side.basis));
  auto image = product(due.of(side.factor).to(basis.scalar_type()), basis);
  at::Tensor order;
  if (sorted) {
    order = at::argsort((basis * image).sum(1), /*stable=*/true, -1, /*descending=*/true);
    image = image.gather(2, order.unsqueeze(1).expand_as(image));
  }
  due.put(side.basis, orthonormal(image));
  return order;
}

void turn_with(const at::Tensor& v, const Side& side, const Due& due) {
  const auto order = turn(side, due, /*sorted=*/true);
  const int64_t dim = side.left ? 1 : 2;
  const auto mine = due.of(v);
  due.put(v, mine.gather(dim, order.unsqueeze(3 - dim).expand_as(mine)));
}

at::Tensor to_basis(at::Tensor m, const Sides& sides) {
  for (const auto& side : sides) {
    const auto basis = side.basis.to(m.scalar_type());
    m = side.left ? product(basis.mT(), m) : product(m, basis);
  }
  return m;
}

at::Tensor from_basis(at::Tensor m, const Sides& sides) {
  for (const auto& side : sides) {
    const auto basis = side.basis.to(m.scalar_type());
    m = side.left ? product(basis, m) : product(m, basis.mT());
  }
  return m;
}

}  // namespace steepest::norms
