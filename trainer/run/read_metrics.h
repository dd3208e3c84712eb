// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl of a run, for whoever only reads it.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace steepest::trainer {

// Calls `use` with every line, parsed, of metrics.jsonl in the folder `run`, but a last one without
// its newline, which was cut by whatever stopped the run. Throws RunError for a line that is no
// object with a whole number as "step", is too long, or nests too deeply; FileError where there is
// no such file.
void for_each_metrics_line(const std::string& run,
                           const std::function<void(const nlohmann::ordered_json&)>& use);

}  // namespace steepest::trainer
