// SPDX-License-Identifier: Apache-2.0
// Which program this is, and what of the library's kernels it uses on this machine.
#pragma once

#include <string>

namespace steepest::trainer {

constexpr char kVersion[] = "0.1.0";

// The commit that the build was configured at, as `git describe` writes it; "unknown" outside a
// repository.
extern const char* const kCommit;

// The names of the kernels in use (steepest/kernels/kernels.h), "AVX-512, FP16"; "none, by torch
// alone" where this machine has none of them.
std::string kernels_text();

// One line: version, commit, torch, kernels.
std::string version_text();

}  // namespace steepest::trainer
