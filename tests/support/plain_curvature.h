// SPDX-License-Identifier: Apache-2.0
// Directions with a history, one matrix in float64 as their papers write them: SOAP (arXiv
// 2409.11321, algorithm 3) and NorMuon (arXiv 2510.05491). Shares nothing with the library.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace steepest::test {

// Adam in the eigenbasis of L = mean of g g^T and R = mean of g^T g.
class PlainSoap {
 public:
  // leaf: the matrix' number in the network, by which the turns of its bases are staggered.
  explicit PlainSoap(int64_t leaf = 0) : leaf_(leaf) {}

  // g: this step's gradient [r, c]; m: its bias-corrected momentum. start: zero, corrected or
  // first, of the second moment's mean, as the momentum's.
  at::Tensor direction(const at::Tensor& g, const at::Tensor& m, double beta2, double eps,
                       const std::string& start);

 private:
  void turn(at::Tensor& basis, const at::Tensor& factor, int64_t dim);

  int64_t leaf_, step_ = 0;
  at::Tensor left_, right_, left_basis_, right_basis_, v_;
};

// Rows over the root of their mean square so far, with the norm of the whole kept.
class PlainNorMuon {
 public:
  at::Tensor direction(const at::Tensor& s, double beta2, double eps);

 private:
  at::Tensor v_;  // [r]
};

}  // namespace steepest::test
