// SPDX-License-Identifier: Apache-2.0
#include "steepest/outer.h"

#include <ATen/ATen.h>

#include "steepest/base/tensor.h"

namespace steepest {
namespace {

// Returns |d|_2 of d [n] float64, 0-dim. d is divided by a power of two before it is squared, as
// squares may be beyond float64 where the result is not.
at::Tensor euclidean_norm(const at::Tensor& d) {
  if (d.numel() == 0) return d.sum();
  const auto power = power_of_two(d.abs().max());
  return (d / power).square().sum().sqrt() * power;
}

// Returns D of a node, 0-dim: the sum (max) or the Euclidean norm (l2) of its leaves' d and of its
// children's D. Appends it to `duals`, followed by that of every node below it in depth-first
// order; d [leaves] has the numbers of all leaves.
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

// Writes into `coefficients` [leaves] those of the leaves below a node whose own is c, 0-dim: c
// again below a max, c times the child's share of D below an l2. `duals` are those of
// measure_nodes(), `next` is the node's place among them, which moves on past all nodes below.
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
