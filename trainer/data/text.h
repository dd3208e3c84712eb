// SPDX-License-Identifier: Apache-2.0
// Text as bytes: a file, the files of a folder or of a glob, without exact duplicates.
#pragma once

#include "trainer/data/dataset.h"

namespace steepest::trainer {

// A dataset of text as bytes. Files go to training or validation by a hash of their relative path,
// so that adding a file moves no other; a single file is cut near its end. With
// spec.validation_path both are given instead. Throws DataError for a fraction or separator out of
// range, and for files that cannot be read.
std::unique_ptr<Dataset> make_text(const DataSpec& spec);

// Whether a file of this relative path is one of the `fraction`, 0 to 1, of all that validate: told
// by a hash of the path alone, so that other files have no part in it.
bool in_validation(const std::string& relative, double fraction);

}  // namespace steepest::trainer
