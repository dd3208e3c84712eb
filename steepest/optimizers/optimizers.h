// SPDX-License-Identifier: Apache-2.0
// The catalog of named optimizers. A new one is one .cpp in this folder, which returns its row of
// choices, and one line in catalog.inc.
#pragma once

#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/recipe.h"

namespace STEEPEST_API steepest {

// Every row as it stands, before overrides.
const std::vector<Recipe>& optimizer_catalog();

// "muon", "neon(k=4)", and any row with "-momo" behind its name: its Momo form.
Recipe catalog_row(const std::string& name);

// The same with what is said beside it, validated.
Recipe recipe(const std::string& name, const Overrides& overrides = {});

// Adam(.9, .95) without decay: the companion of rows whose paper leaves it open. Jordan's choice.
Choices adam_backup();

// All names: the rows, then their Momo forms.
std::vector<std::string> optimizer_names();

}  // namespace steepest
