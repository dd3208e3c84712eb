// SPDX-License-Identifier: Apache-2.0
// Groups of a plan whose blocks may step together: a model's parameters are often in several groups
// for their layout alone.
#pragma once

#include <vector>

#include "steepest/engine/step_input.h"

namespace steepest::engine {

// Whether groups that step together have one role.
enum class Roles { same, any };

// Returns, for each of the plan's groups, the first one with its choices and its rates: those of
// the host and, where rates lie on the device, the same of its `rows` (see DeviceRates).
std::vector<int64_t> groups_alike(const StepInput& in, Roles roles,
                                  const std::vector<int64_t>& rows = {});

}  // namespace steepest::engine
