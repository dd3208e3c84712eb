// SPDX-License-Identifier: Apache-2.0
// What a session's model is worth: on the validation data, and on questions with completions.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "trainer/autocast.h"
#include "trainer/models/completions.h"
#include "trainer/session.h"

namespace steepest::trainer {

int64_t Session::validation_batches(int64_t batches) const {
  const int64_t all = data_->validation_batches(spec_.data.batch / spec_.accumulate);
  return batches > 0 ? std::min(batches, all) : all;
}

// The share of the questions that the model answers right; NaN where there are none. As many at a
// time as a micro-batch has rows, at least one.
double Session::answered_right() {
  const auto& all = data_->questions();
  if (all.empty()) return std::numeric_limits<double>::quiet_NaN();
  const at::Device device(spec_.device);
  const int64_t rows = spec_.data.batch / spec_.accumulate;
  int64_t right = 0;
  for (size_t first = 0; first < all.size();) {
    size_t end = first + 1, taken = all[first].completions.size();
    for (; end < all.size(); ++end) {
      taken += all[end].completions.size();
      if (taken > static_cast<size_t>(rows)) break;
    }
    const std::span<const Question> part(all.data() + first, end - first);
    const Autocast autocast(spec_.bfloat16, device.type());
    right += count_right(completion_losses(*model_, part, device), part);
    first = end;
  }
  return static_cast<double>(right) / static_cast<double>(all.size());
}

Validation Session::evaluate(int64_t batches) {
  at::NoGradGuard no_grad;
  model_->train(false);
  const int64_t rows = spec_.data.batch / spec_.accumulate;
  const int64_t count = validation_batches(batches);
  double sum = 0, right = 0, targets = 0;  // the last batch may be shorter
  for (int64_t i = 0; i < count; ++i) {
    const auto batch = data_->validation_batch(i, rows);
    const auto n = static_cast<double>(batch.targets.numel());
    const auto outcome = outcome_of(batch);
    sum += outcome.loss.item<double>() * n;
    right += outcome.right.defined() ? outcome.right.item<double>()
                                     : std::numeric_limits<double>::quiet_NaN();
    targets += n;
  }
  return {sum / targets, right / targets, answered_right(), count};
}

}  // namespace steepest::trainer
