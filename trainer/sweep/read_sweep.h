// SPDX-License-Identifier: Apache-2.0
// A sweep's file: TOML in, a SweepSpec out.
#pragma once

#include "trainer/sweep/sweep_spec.h"

namespace steepest::trainer {

// The sweep that the text says; `name` stands for the file in messages, and the file's own paths
// begin in its folder. Throws ConfigError, with the key, for what is no sweep. Whether the runs
// themselves are allowed is seen when they are resolved.
SweepSpec parse_sweep(const std::string& text, const std::string& name);
// parse_sweep of a file.
SweepSpec load_sweep(const std::string& file);

}  // namespace steepest::trainer
