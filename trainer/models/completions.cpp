// SPDX-License-Identifier: Apache-2.0
#include "trainer/models/completions.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace steepest::trainer {
namespace {

constexpr int64_t ignored = -100;  // a target that cross_entropy_loss passes over

// One row for each completion: context and completion but for its last token, filled up with token
// 0, which stands behind all that is asked for. The targets are those of the completion alone.
Batch rows_of(std::span<const Question> questions) {
  int64_t rows = 0, length = 0;
  for (const auto& question : questions) {
    for (const auto& completion : question.completions) {
      const auto tokens = question.context.size() + completion.size() - 1;
      length = std::max(length, static_cast<int64_t>(tokens));
      ++rows;
    }
  }
  Batch batch{at::zeros({rows, length}, at::kLong), at::full({rows, length}, ignored, at::kLong)};
  auto inputs = batch.inputs.accessor<int64_t, 2>(), targets = batch.targets.accessor<int64_t, 2>();
  int64_t row = 0;
  for (const auto& question : questions) {
    const auto shared = static_cast<int64_t>(question.context.size());
    for (const auto& completion : question.completions) {
      for (int64_t i = 0; i < shared; ++i) inputs[row][i] = question.context[i];
      for (int64_t i = 0; i < static_cast<int64_t>(completion.size()); ++i) {
        targets[row][shared - 1 + i] = completion[i];
        if (shared + i < length) inputs[row][shared + i] = completion[i];
      }
      ++row;
    }
  }
  return batch;
}

}  // namespace

at::Tensor completion_losses(Model& model, std::span<const Question> questions, at::Device device) {
  const Batch batch = rows_of(questions).to(device);
  const at::Tensor logits = model.logits(batch).to(at::kFloat);
  const at::Tensor losses = at::cross_entropy_loss(logits.flatten(0, 1), batch.targets.flatten(),
                                                   {}, at::Reduction::None, ignored)
                                .view(batch.targets.sizes());
  const at::Tensor counts = batch.targets.ne(ignored).sum(1, false, at::kDouble);
  return (losses.to(at::kDouble).sum(1) / counts).cpu();
}

int64_t count_right(const at::Tensor& losses, std::span<const Question> questions) {
  const double* first = losses.const_data_ptr<double>();
  int64_t right = 0;
  for (const auto& question : questions) {
    const double* end = first + question.completions.size();
    right += std::min_element(first, end) - first == question.label;
    first = end;
  }
  return right;
}

}  // namespace steepest::trainer
