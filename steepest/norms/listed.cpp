// SPDX-License-Identifier: Apache-2.0
#include "steepest/norms/listed.h"

#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/empty_strided.h>

namespace steepest {

// Only norms with a memory take gradients.
void ListedEntries::observe_each(const TensorList&, const Average&, const ListedContext&) const {}

// A 0-dim factor of another dtype would make torch go through the list tensor by tensor.
void multiply_each(const TensorList& tensors, const StepNumber& number) {
  if (number.tensor.defined())
    at::_foreach_mul_(tensors, number.tensor.to(tensors[0].scalar_type()));
  else if (number.number != 1)
    at::_foreach_mul_(tensors, number.number);
}

void divide_each(const TensorList& tensors, const StepNumber& number) {
  if (number.tensor.defined())
    at::_foreach_div_(tensors, number.tensor.to(tensors[0].scalar_type()));
  else if (number.number != 1)
    at::_foreach_div_(tensors, number.number);
}

// Parts of the arena are contiguous; a tensor that is not takes memory of its own.
TensorList like_each(const TensorList& tensors, Arena& arena) {
  TensorList all;
  for (const auto& t : tensors)
    all.push_back(t.is_contiguous() ? arena.take(t.sizes(), t.options())
                                    : at::empty_strided(t.sizes(), t.strides(), t.options()));
  return all;
}

}  // namespace steepest
