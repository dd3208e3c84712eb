// SPDX-License-Identifier: Apache-2.0
// From facts to roles and layouts, for every face.
#pragma once

#include <string>
#include <vector>

#include "steepest/routing/fact.h"
#include "steepest/view.h"

namespace steepest::routing {

// What routing decides for one parameter.
struct Verdict {
  Role role = Role::backup;
  View view;           // as a matrix, also where it is none; needs 2 dimensions
  std::string reason;  // says "by shape" or "by position" where it is a guess
};

// Decides for each parameter of a model whether it is a matrix or left to the backup norm, which
// steps whatever is no matrix, and how it is laid out. Takes what is known of all parameters, for a
// rule may look at others; the verdicts are in the same order.
std::vector<Verdict> judge(std::vector<Fact> facts);

// Does judge() for another language, as JSON: from [{"name", "shape", "tensor", "own", "around",
// "parent", "numbers", "parent_numbers", "asked", "says"}, ..] (see Fact), all but the first three
// optional, to [{"role", "reason", "view", "transposed", "split_sizes", "num_heads", "split_dim"},
// ..]. Throws c10::ValueError where the text is not that.
std::string judge_json(const std::string& facts);

// Whether a verdict's reason says that the shape or the position alone has decided, as a person
// should then look at it.
bool is_guess(const std::string& reason);

// Says how many verdicts of each role are guesses, given each one's role and reason, as a line
// below the routing table: "2 matrices by shape only, 1 non-matrix by shape or position only", ""
// where there are none.
std::string describe_guesses(const std::vector<std::pair<Role, std::string>>& reasons);

}  // namespace steepest::routing
