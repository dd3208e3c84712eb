// SPDX-License-Identifier: Apache-2.0
// Blocks of one shape, dtype, device and norm are stacked, so that a norm sees one batch.
#pragma once

#include <functional>

#include "steepest/engine/state.h"

namespace steepest {

struct Bucket {
  std::vector<const Block*> blocks;
  int64_t batch = 0;    // the sum of the blocks' batches
  double work = 0;      // of its norm: multiplications, roughly
  double room = 0;      // bytes that it takes while it is computed, roughly
  bool serial = false;  // one thread's, whoever else may wait
  bool on_cpu = true;   // plain tensors in the processor's memory
};

// In the plan's order, so that what is in a bucket depends on the plan alone. On the CPU a bucket
// is cut where it would outgrow a core's cache: a large matrix is a bucket.
std::vector<Bucket> make_buckets(const StepInput& in, const std::vector<const Block*>& blocks);

// The blocks' matrices of the tensors that tensor_of gives, of their parameters' shapes.
at::Tensor stack(const Bucket& bucket, const std::function<at::Tensor(const Block&)>& tensor_of);

struct Direction {
  at::Tensor s;         // [batch, r, c]
  at::Tensor dual;      // [batch] float64 of the bias-corrected momentum; undefined for sharp
  at::Tensor attained;  // [batch] float64: <u, s> of the uncorrected momentum; undefined for sharp
  double scale = 1;     // what s is still to be multiplied by: the bias correction's power
  at::Tensor factor = {};  // and, [batch] float64, where a sharp one has a factor of its own
};

enum class Wanted { direction, sharp, both };

// Steepest direction and dual of a bucket's u, or the direction or dual * direction alone.
// basis, may_overwrite (u): see NormContext.
Direction measure(const StepInput& in, const Bucket& bucket, const at::Tensor& u, Wanted wanted,
                  const at::Tensor& basis = {}, bool may_overwrite = false);

// The direction whose dual is the attained <u, s> [batch].
Direction with_dual(const StepInput& in, const Bucket& bucket, Direction direction,
                    const at::Tensor& attained);

}  // namespace steepest
