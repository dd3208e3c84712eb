// SPDX-License-Identifier: Apache-2.0
// The outer norm asks of the vector of the blocks' duals what a norm asks of a matrix. It is a
// small tree of two kinds of node:
//   max   D = sum of the children's D,    c_child = c_node
//   l2    D = |children's D|_2,           c_child = c_node D_child / D_node   (0 where D_node = 0)
// and at the root c = D. "Non-Euclidean Gradient Descent" (arXiv 2510.09827): max is its
// l-infinity, hybrid its l2[max(matrices), backup].
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "steepest/norm.h"

namespace steepest {

// A node of the outer norm's tree.
struct OuterNode {
  Aggregation kind = Aggregation::max;
  int64_t begin = 0, end = 0;  // the leaves [begin, end) are children
  std::vector<OuterNode> children;

  bool operator==(const OuterNode&) const = default;
};

struct Combined {
  at::Tensor coefficients;  // c [leaves] float64
  at::Tensor dual;          // D, 0-dim float64
};

// Returns the coefficients c and the network's dual norm D that the outer norm, a tree with one
// leaf for each matrix, gives for d [leaves] float64: the dual norm of each matrix l times its
// effective radius, d_l = R_l dual_l. The update moves matrix l by c_l R_l s_l (s_l: its
// direction), or by (c_l / D) R_l s_l if it is constrained. Every leaf must be in exactly one node.
Combined combine(const OuterNode& root, const at::Tensor& d);

}  // namespace steepest
