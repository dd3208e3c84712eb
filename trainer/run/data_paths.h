// SPDX-License-Identifier: Apache-2.0
// Where the data are, said so that it holds in any working folder.
#pragma once

#include <string>

#include "trainer/run_spec.h"

namespace steepest::trainer {

// The path or glob as an absolute one. It stays as it is where that cannot be written: in a working
// folder that is gone, whose name is not UTF-8, or, for a glob, whose name would be read as one.
std::string absolute_data_path(const std::string& path);

// The spec with absolute paths of data and of other runs, for config.toml: a run is resumed and
// evaluated from any folder.
RunSpec with_absolute_data(RunSpec spec);

}  // namespace steepest::trainer
