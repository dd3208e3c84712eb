// SPDX-License-Identifier: Apache-2.0
// What some norms are besides: they take lists of tensors of any shapes, for accelerators, where a
// launch for each block would take longer than its work.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "steepest/base/arena.h"
#include "steepest/norm.h"

namespace steepest {

using TensorList = std::vector<at::Tensor>;

// A number of a step: known on the host, or, where `tensor` is defined, 0-dim on the device.
struct StepNumber {
  double number = 1;
  at::Tensor tensor = {};
};

// What such a norm is given beside the tensors of u. Steps are fixed ones.
struct ListedContext {
  std::vector<TensorList> slots = {};  // in the order of Norm::slots(); each like u
  double eps = 1e-8;
  StepNumber root_of_correction = {};  // sqrt(1 - beta2^t) under bias correction, else 1
};

// The directions are numerator / denominator, entry by entry, or the numerators alone.
struct Fractions {
  TensorList numerators, denominators = {};
};

// A norm whose directions are computed entry by entry, whatever the shape.
class ListedEntries {
 public:
  virtual ~ListedEntries() = default;

  // Whether it serves: sharp directions, or those of the unit ball, with this eps.
  virtual bool serves(bool sharp, double eps) const = 0;

  // Does Norm::observe() with the gradients g.
  virtual void observe_each(const TensorList& g, const Average& average,
                            const ListedContext& context) const;

  // Returns the (sharp) directions of u, which it does not change. Memory is the arena's.
  virtual Fractions directions_of_each(const TensorList& u, const ListedContext& context,
                                       Arena& arena) const = 0;
};

// A norm whose directions are computed batch by batch.
class ListedBatches {
 public:
  virtual ~ListedBatches() = default;

  // Replaces each batch [B, r, c], all of one dtype and device and contiguous, by scales[i] times
  // its directions in the unit ball.
  virtual void directions_in_place(const TensorList& batches, const std::vector<double>& scales,
                                   Arena& arena) const = 0;

  // Whether it reads nothing on the host then, and takes all memory from the arena.
  virtual bool is_captured(const at::Tensor& batch) const = 0;
};

// Multiplies, or divides, each tensor by a number in place.
void multiply_each(const TensorList& tensors, const StepNumber& number);
void divide_each(const TensorList& tensors, const StepNumber& number);

// Returns new tensors like the ones given, their memory being the arena's.
TensorList like_each(const TensorList& tensors, Arena& arena);

}  // namespace steepest
