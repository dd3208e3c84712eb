// SPDX-License-Identifier: Apache-2.0
// From facts to roles and layouts, for every face.
#pragma once

#include <string>
#include <vector>

#include "steepest/routing/fact.h"
#include "steepest/view.h"

namespace steepest::routing {

struct Verdict {
  Role role = Role::backup;
  View view;           // as a matrix, also where it is none; needs 2 dimensions
  std::string reason;  // says "by shape" or "by position" where it is a guess
};

// One for each fact, in their order.
std::vector<Verdict> judge(std::vector<Fact> facts);

// The same as text: [{"name", "shape", "tensor", "own", "around", "parent", "numbers",
// "parent_numbers", "asked", "says"}, ..], all but the first three optional, to
// [{"role", "reason", "view", "transposed", "split_sizes", "num_heads", "split_dim"}, ..].
std::string judge_json(const std::string& facts);

bool is_guess(const std::string& reason);

// "2 matrices by shape only, 1 non-matrix by shape or position only", "" where nothing is a guess.
std::string guesses(const std::vector<std::pair<Role, std::string>>& reasons);

}  // namespace steepest::routing
