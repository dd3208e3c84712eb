// SPDX-License-Identifier: Apache-2.0
// Which parameter is a matrix to be steepened, and which is left to the backup norm, with the
// reason.
#pragma once

#include <torch/nn/module.h>

#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/recipe.h"
#include "steepest/view.h"

namespace STEEPEST_API steepest {

// A parameter group, as an optimizer takes it.
struct Group {
  std::vector<std::pair<std::string, at::Tensor>> params;  // names as in state_dict
  std::optional<Role> role;  // unset: matrices where 2-D, backups elsewhere
  View view;
  Overrides options;                 // of this group; choices of the whole network are refused
  std::vector<std::string> reasons;  // one a parameter; may be empty
};

using Groups = std::vector<Group>;

struct RouteOptions {
  std::vector<std::string> backup;  // globs of names, "2.*": * matches any text, ? one character
  std::vector<std::string> matrix;  // the first list that matches wins over every rule below
  std::vector<std::pair<std::string, View>> views;
};

// Returns a module's parameters in groups of one role and view each. Frozen ones, and those of no
// floating or an 8-bit type, are left out. Biases, norms, gains, embeddings, output heads, tables,
// 1 x n, depthwise and input convolutions go to the backup, the rest are matrices, viewed as their
// layer calls for (docs/routing.md). A reason that is a guess says "by shape" or "by position".
// Throws c10::ValueError where a glob matches nothing.
Groups route(const torch::nn::Module& module, const RouteOptions& options = {});

// A table: name, shape, role, layout, reason; then what each role covers, and how many rows are
// guesses.
std::ostream& operator<<(std::ostream& out, const Groups& groups);

// Whether the glob stands for the whole text: * for any text, ? for one character.
bool matches_glob(const std::string& text, const std::string& glob);

}  // namespace steepest
