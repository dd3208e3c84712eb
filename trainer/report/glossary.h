// SPDX-License-Identifier: Apache-2.0
// The words of the experiments.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace steepest::trainer {

using Glossary = std::vector<std::pair<std::string, std::string>>;  // term, one sentence

// Returns the terms of `folder`/glossary.json, an object of texts, in their order; none where there
// is no such file. Throws RunError, in one line that names the file, for what is no such object;
// FileError where it cannot be read.
Glossary read_glossary(const std::string& folder);

}  // namespace steepest::trainer
