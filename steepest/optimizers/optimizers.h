// SPDX-License-Identifier: Apache-2.0
// The catalog of named optimizers. A new one is one .cpp in this folder, which returns its row of
// choices, and one line in catalog.inc.
#pragma once

#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/recipe.h"

namespace STEEPEST_API steepest {

// Returns every row as it stands, before overrides, in the order of catalog.inc.
const std::vector<Recipe>& optimizer_catalog();

// Returns the row of a name, before overrides: "muon", "neon(k=4)", and any row with "-momo" behind
// its name, its Momo form. Throws c10::ValueError for a name that is no row's.
Recipe catalog_row(const std::string& name);

// Returns the row of a name (see catalog_row) with the overrides in the place of its own choices,
// validated. Throws c10::ValueError where they do not go together.
Recipe recipe(const std::string& name, const Overrides& overrides = {});

// Returns the choices of Adam(.9, .95) without decay: the backup of rows whose paper leaves it
// open. Jordan's choice.
Choices adam_backup();

// Lists all names: the rows', then their Momo forms', "muon-momo", of those that have one.
std::vector<std::string> optimizer_names();

}  // namespace steepest
