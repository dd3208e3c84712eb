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

  // The reason why a parameter goes to the backup, "" for a matrix. The first rule that speaks
  // wins.
  std::string why_backup(const Fact& f) const;

 private:
  // Biases, norms and gains of any shape go to the backup; "" for all others.
  std::string why_vector_like(const Fact& f) const;
  // Embeddings, output heads, positions and tokens go to the backup; "" for all others.
  std::string why_table(const Fact& f) const;
  // Position tables, tokens, states of a state space and codebooks, which belong to no layer, go to
  // the backup; "" for all others.
  static std::string why_bare_table(const Fact& f);
  // What has fewer than two dimensions that are not 1 goes to the backup; "" for all others.
  std::string why_narrow(const Fact& f) const;
  // Depthwise convolutions and what reads the model's input go to the backup; "" for all others.
  std::string why_layer(const Fact& f) const;

  const Model& model_;
  std::unordered_map<int64_t, std::string> heads_;
  const Fact* first_convolution_ = nullptr;
  std::unordered_set<const Fact*> patches_;
};

}  // namespace steepest::routing
