// SPDX-License-Identifier: Apache-2.0
// What a run tells of one step: its line of metrics.jsonl, and its warnings.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "trainer/run/counters.h"
#include "trainer/run/progress.h"
#include "trainer/session.h"

namespace steepest::trainer {

// Up to three of the names, and how many more there are, for a message.
std::string first_names(const std::vector<std::string>& names);

// Why a run stops after so many steps in a row with NaN or Inf, the last of which gave `result`.
std::string streak_message(const StepResult& result, int64_t steps);

// The line of metrics.jsonl for a step after which `step` are taken, with the seconds that all of
// them took as the counters have them. A value that is NaN, as the run has none, is left out.
nlohmann::ordered_json step_record(const StepResult& result, int64_t step,
                                   const Counters& counters);

// What a run that has ended prints as a line of JSON: its folder, losses, times and memory.
nlohmann::ordered_json result_record(const std::string& folder, Session& session,
                                     const Counters& counters);

// The line of metrics.jsonl for the last validation, which the counters have.
nlohmann::ordered_json validation_record(const Counters& counters);
// The same for people: "step 20  validation loss 1.3825  accuracy 52.0%".
std::string validation_text(const Counters& counters);

// Whether the last validation was after `step` steps, 1 or more, and meets the spec's target.
bool meets_target(const RunSpec& spec, const Counters& counters, int64_t step);

// What stderr shows of the step of this result: loss, accuracy, learning rate, Momo's q and D, the
// bytes, tokens or images a second, and the share of the training time that the optimizer takes.
Status step_status(const StepResult& result, Session& session, const Counters& counters);

// The warnings on the step of this result, after which `step` are taken, a line each: NaN or Inf in
// it, and a loss that is a spike. Empty where all is well.
std::vector<std::string> step_warnings(const StepResult& result, int64_t step);

}  // namespace steepest::trainer
