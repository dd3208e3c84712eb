// SPDX-License-Identifier: Apache-2.0
// Which parameter is left to the backup, and why.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>

#include "steepest/routing/model.h"

namespace steepest::routing {

class Roles {
 public:
  explicit Roles(const Model& model);

  // Why it goes to the backup, "" for a matrix. The first rule that speaks wins.
  std::string why_backup(const Fact& f) const;

 private:
  std::string vector_like(const Fact& f) const;  // biases, norms, gains, of any shape
  std::string table(const Fact& f) const;        // embeddings, heads, positions and tokens
  static std::string bare_table(const Fact& f);  // of a parameter that belongs to no layer
  std::string narrow(const Fact& f) const;       // fewer than 2 dimensions that are not 1
  std::string layer(const Fact& f) const;        // depthwise, and what reads an input

  const Model& model_;
  std::unordered_map<int64_t, std::string> heads_;
  const Fact* first_convolution_ = nullptr;
  std::unordered_set<const Fact*> patches_;
};

}  // namespace steepest::routing
