// SPDX-License-Identifier: Apache-2.0
// A smooth convex problem in one matrix: F(X) = <X, M X N> / 2, whose least value is 0.
#pragma once

#include <torch/nn/module.h>

#include "trainer/data/batch.h"
#include "trainer/models/spec.h"

namespace steepest::trainer {

struct Matrix : torch::nn::Module {
  // Makes X [size, size], empty, and M and N, which spec.problem draws, not the seed: symmetric,
  // with eigenvalues uniform in (0, 1) and eigenvectors from the Haar measure. On the meta device
  // they have no values.
  Matrix(const MatrixSpec& spec, at::Device device);
  // Returns the mean over the batch's rows of F(X) + <Z, X>, a scalar, whose gradient is M X N + Z.
  // In training Z is normal with the spec's noise as the deviation of an entry, drawn for each row
  // from batch.seed; else it is 0.
  at::Tensor forward(const Batch& batch);

 private:
  double noise_;
  at::Tensor weight, left_, right_;  // X, M, N
};

}  // namespace steepest::trainer
