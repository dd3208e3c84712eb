// SPDX-License-Identifier: Apache-2.0
// What a run tells of one step: its line of metrics.jsonl, and its warnings.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "trainer/run/counters.h"
#include "trainer/session.h"

namespace steepest::trainer {

// Up to three of the names, and how many more there are, for a message.
std::string first_names(const std::vector<std::string>& names);

// The line of metrics.jsonl for a step after which `step` are taken, with the seconds that all of
// them took as the counters have them. A value that is NaN, as the run has none, is left out.
nlohmann::ordered_json step_record(const StepResult& result, int64_t step,
                                   const Counters& counters);

// The warnings of that step, a line each: of NaN or Inf in it, and of a loss that is a spike. Empty
// where all is well.
std::vector<std::string> step_warnings(const StepResult& result, int64_t step);

}  // namespace steepest::trainer
