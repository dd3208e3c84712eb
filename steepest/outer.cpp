// SPDX-License-Identifier: Apache-2.0
#include "steepest/outer.h"

#include <ATen/ATen.h>

#include "steepest/base/tensor.h"

namespace steepest {
namespace {

// Returns the 2-norm of d [n] float64, as a tensor of no dimensions. d is divided by a power of two
// before it is squared, as squares may be beyond float64 where the norm is not.
at::Tensor euclidean_norm(const at::Tensor& d) {
  if (d.numel() == 0) return d.sum();
  const auto power = power_of_two(d.abs().max());
  return (d / power).square().sum().sqrt() * power;
}

// Returns D, the dual norm of a node, 0-dim: d [leaves] has the dual norms of all leaves, which are
// the single matrices, and D is the sum of the node's d and its children's D where its norm is the
// max of theirs (the dual of a max is a sum), or their Euclidean norm where it is l2. Appends to
// `duals` D, then that of every node below it, depth first, as distribute() needs them.
at::Tensor measure_nodes(const OuterNode& node, const at::Tensor& d,
                         std::vector<at::Tensor>& duals) {
  const size_t own = duals.size();
  duals.emplace_back();
  std::vector<at::Tensor> parts = {d.slice(0, node.begin, node.end)};
  for (const auto& child : node.children) parts.push_back(measure_nodes(child, d, duals).view({1}));
  const auto all = at::cat(parts);
  duals[own] = node.kind == Aggregation::max ? all.sum() : euclidean_norm(all);
  return duals[own];
}

// Writes to `coefficients` [leaves] the factors of the leaves (matrices) below a node whose own
// factor is c, 0-dim: c again below a max; below an l2 c d / D, for a leaf of dual norm d, of d
// [leaves], and the node's D. `duals` are the nodes' D as measure_nodes() lists them, `next` is
// this node's index in them, which moves on past all nodes below.
void distribute(const OuterNode& node, const at::Tensor& c, const at::Tensor& d,
                const std::vector<at::Tensor>& duals, size_t& next, at::Tensor& coefficients) {
  const auto& own = duals[next++];
  const auto child = [&](const at::Tensor& dual) {
    return node.kind == Aggregation::max ? c.expand_as(dual) : c * safe_divide(dual, own);
  };
  if (node.end > node.begin) {
    coefficients.slice(0, node.begin, node.end).copy_(child(d.slice(0, node.begin, node.end)));
  }
  for (const auto& below : node.children) {
    distribute(below, child(duals[next]), d, duals, next, coefficients);
  }
}

}  // namespace

Combined combine(const OuterNode& root, const at::Tensor& d) {
  std::vector<at::Tensor> duals;
  Combined out{at::empty_like(d), measure_nodes(root, d, duals)};
  size_t next = 0;
  distribute(root, out.dual, d, duals, next, out.coefficients);
  return out;
}

}  // namespace steepest
