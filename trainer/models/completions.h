// SPDX-License-Identifier: Apache-2.0
// How many questions a language model answers right: the completion of least mean loss is its
// answer.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "trainer/data/completions.h"
#include "trainer/models/model.h"

namespace steepest::trainer {

// The mean loss of each completion of the questions, one question after another, float64 on the
// CPU; all of them in one pass of the model, on this device.
at::Tensor completion_losses(Model& model, std::span<const Question> questions, at::Device device);

// Of these questions, how many have the least mean loss at their label; the first of equal ones
// counts.
int64_t count_right(const at::Tensor& losses, std::span<const Question> questions);

}  // namespace steepest::trainer
