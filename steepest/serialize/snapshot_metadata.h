// SPDX-License-Identifier: Apache-2.0
// The texts of a snapshot, compared with the optimizer that it is to go into.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "steepest/serialize/snapshot.h"

namespace steepest {

// The rates of the groups, after format, recipe and choices have been found to be the plan's.
std::vector<std::optional<GroupRates>> read_rates(const Metadata& metadata, const Plan& plan,
                                                  const SnapshotTarget& target,
                                                  const std::string& source);

// {"<parameter>": {"role": "matrix" or "backup", "view": "flatten" or "batch", "transposed",
//  "split_sizes", "num_heads", "split_dim"}, ..}
std::string places_json(const Plan& plan);

// A parameter that had another role or view has state that means something else, even where its
// shape is the same. `saved_names` are the snapshot's by the plan's. Files of 0.1 do not say it.
void check_places(const Metadata& metadata, const Plan& plan,
                  const std::unordered_map<std::string, std::string>& saved_names,
                  const std::string& source);

}  // namespace steepest
