// SPDX-License-Identifier: Apache-2.0
// The texts of a snapshot, compared with the optimizer that it is to go into.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "steepest/serialize/snapshot.h"

namespace steepest {

// Returns the rates of the optimizer's groups, unset for a frozen one that the file was written
// without. Throws c10::ValueError, which begins with `source`, unless format, recipe, choices and
// the number of groups are this optimizer's.
std::vector<std::optional<GroupRates>> read_rates(const Metadata& metadata, const Plan& plan,
                                                  const SnapshotTarget& target,
                                                  const std::string& source);

// Returns the role and the layout (how it is seen as matrices) of each parameter, as JSON:
// {"<parameter>": {"role": "matrix" or "backup", "view": "flatten" or "batch", "transposed",
// "split_sizes", "num_heads", "split_dim"}, ..}
std::string places_json(const Plan& plan);

// Throws c10::ValueError where a parameter had another role or layout when it was saved: its state
// means something else, even where its shape is the same. `saved_names` maps the plan's names to
// the snapshot's. Files of 0.1 do not tell, and pass.
void check_places(const Metadata& metadata, const Plan& plan,
                  const std::unordered_map<std::string, std::string>& saved_names,
                  const std::string& source);

}  // namespace steepest
