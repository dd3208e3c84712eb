// SPDX-License-Identifier: Apache-2.0
// Small checkpoints whose every number tells the step they belong to.
#pragma once

#include <ATen/ATen.h>

#include "tests/support/faults.h"
#include "tests/support/folder.h"
#include "trainer/run/checkpoint.h"

namespace steepest::test {

inline trainer::Checkpoint checkpoint_of(int64_t step, int64_t size = 3) {
  const double value = static_cast<double>(step);
  return {.step = step,
          .config_hash = "0123abcd",
          .model = {{{"w", at::full({2, size}, value)}, {"b", at::full({2}, value)}}, {}},
          .optimizer = {{{"state.w.momentum_buffer", at::full({2, size}, value, at::kDouble)}},
                        {{"recipe", "muon"}}},
          .state = {{{"generator", at::full({5}, step % 256, at::kByte)}},
                    {{"tokens", std::to_string(10 * step)}}}};
}

// All three files are there, and all are of this step.
inline bool is_whole(const trainer::Checkpoint& found, int64_t step) {
  const trainer::Checkpoint expected = checkpoint_of(step);
  const auto same = [](const SafeTensors& a, const SafeTensors& b) {
    bool equal = a.metadata == b.metadata && a.tensors.size() == b.tensors.size();
    for (size_t i = 0; equal && i < a.tensors.size(); ++i) {
      equal = a.tensors[i].first == b.tensors[i].first &&
              at::equal(a.tensors[i].second, b.tensors[i].second);
    }
    return equal;
  };
  return found.step == step && found.config_hash == expected.config_hash &&
         same(found.model, expected.model) && same(found.optimizer, expected.optimizer) &&
         same(found.state, expected.state);
}

}  // namespace steepest::test
