// SPDX-License-Identifier: Apache-2.0
// A run must not read its own output as data.
#pragma once

#include "trainer/run_spec.h"

namespace steepest::trainer {

// Throws ConfigError, in one line, where files that the run writes into run.out would be found by
// data.path or data.validation_path, now or when the run goes on.
void refuse_own_output(const RunSpec& spec);

}  // namespace steepest::trainer
