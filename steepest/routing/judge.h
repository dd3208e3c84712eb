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

// Decides for each parameter of a model whether it is a matrix or the backup's, and how it is laid
// out; in the order of the facts.
std::vector<Verdict> judge(std::vector<Fact> facts);

// judge() for another language, as JSON: from [{"name", "shape", "tensor", "own", "around",
// "parent", "numbers", "parent_numbers", "asked", "says"}, ..], all but the first three optional,
// to [{"role", "reason", "view", "transposed", "split_sizes", "num_heads", "split_dim"}, ..].
std::string judge_json(const std::string& facts);

// Whether the reason says that the shape or the position alone has decided.
bool is_guess(const std::string& reason);

// How many verdicts of each role are guesses, as a line below the routing table: "2 matrices by
// shape only, 1 non-matrix by shape or position only", "" where there are none.
std::string guesses(const std::vector<std::pair<Role, std::string>>& reasons);

}  // namespace steepest::routing
