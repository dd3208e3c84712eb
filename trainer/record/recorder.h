// SPDX-License-Identifier: Apache-2.0
// records.jsonl of a run: what [record] asks for, a line for each matrix of each step.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "steepest/engine/state.h"
#include "trainer/record/record_spec.h"
#include "trainer/run/metrics.h"

namespace steepest {
class Optimizer;
struct Block;
}  // namespace steepest

namespace steepest::trainer {

// Throws ConfigError where record.match matches no parameter of the optimizer, or without it the
// optimizer has no matrix, and steps are to be looked at.
void require_matches(const RecordSpec& spec, Optimizer& optimizer);

// Looks at steps from outside: it reads weights, gradients and state, and changes none of them.
class Recorder {
 public:
  // Opens the file `path` where the spec asks for steps, or where it is there already: its lines of
  // steps beyond `step`, those taken so far, are dropped. Throws FileError as Metrics does.
  Recorder(const RecordSpec& spec, const std::string& path, int64_t step);

  // To be called before step number `step`, counted from 1: copies what the step changes, where it
  // is due.
  void before_step(Optimizer& optimizer, int64_t step);
  // To be called after it, while the gradients are there: writes the lines of a step that is due.
  // Of one that was refused there is none.
  void after_step(Optimizer& optimizer, int64_t step, bool refused);
  // Makes the lines durable, as Metrics::sync.
  void sync();

 private:
  // A block of the plan that is looked at, with its tensors from before the step.
  struct Before {
    size_t block = 0;
    int64_t first = 0;  // the number of its first matrix among its parameter's
    at::Tensor weights, momentum;
  };

  // The line of matrix number `i` of a block; `params` are as after the step, `dual` the dual norm
  // of its momentum.
  nlohmann::ordered_json line_of(const Before& before, const Block& block, const Param& param,
                                 int64_t i, double dual) const;

  RecordSpec spec_;
  std::unique_ptr<Metrics> file_;
  std::vector<Before> before_;
};

}  // namespace steepest::trainer
