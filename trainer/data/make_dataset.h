// SPDX-License-Identifier: Apache-2.0
// The kinds of data by their names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/data/dataset.h"

namespace steepest::trainer {

// The data of a spec: reads and checks everything that it names; throws DataError.
std::unique_ptr<Dataset> make_dataset(const DataSpec& spec);

// What DataSpec::kind may be: "text", "tokens", "cifar10", "procedural", "modular", "none".
std::vector<std::string> data_kinds();

}  // namespace steepest::trainer
