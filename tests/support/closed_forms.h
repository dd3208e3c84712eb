// SPDX-License-Identifier: Apache-2.0
// Steepest directions and dual norms written out from a float64 SVD, one formula a norm: what the
// catalog's norms are compared with. Shares nothing with the library.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace steepest::test {

struct Answer {
  at::Tensor direction;  // [r, c] float64
  double dual = 0;
};

// m [r, c]; a = sqrt(v) + eps, of m's shape, for the adaptive norms. spec is one of plain_specs()
// or an adaptive norm. Throws std::out_of_range on any other.
Answer plain_steepest(const std::string& spec, const at::Tensor& m, const at::Tensor& a = {});

std::vector<std::string> plain_specs();

// tau with sum [s - tau]+ = tau, by bisection.
double shrinkage_by_bisection(const at::Tensor& s);

}  // namespace steepest::test
