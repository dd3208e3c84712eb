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
  // Finds once what the rules ask of the whole model, which must outlive this.
  explicit Roles(const Model& model);

  // Returns the reason why a parameter is left to the backup norm, which steps whatever is no
  // matrix, as the routing table shows it; "" for a matrix. The first of the rules below that gives
  // a reason wins.
  std::string why_backup(const Fact& f) const;

 private:
  // Returns why a bias, norm or gain of any shape is left to the backup norm, as no matrix, in
  // words for the routing table; "" for any other parameter.
  std::string why_vector_like(const Fact& f) const;
  // Returns why an embedding, output head, position table or token is left to the backup norm, as
  // no matrix, in words for the routing table; "" for any other parameter.
  std::string why_table(const Fact& f) const;
  // Returns why a position table, token, state of a state space model or codebook, which belongs to
  // no layer, is left to the backup norm, as no matrix, in words for the routing table; "" for any
  // other parameter.
  static std::string why_bare_table(const Fact& f);
  // Returns why a parameter with fewer than two dimensions that are not 1 is left to the backup
  // norm, as no matrix, in words for the routing table; "" for any other parameter.
  std::string why_narrow(const Fact& f) const;
  // Returns why a depthwise convolution, a stack of convolutions or a layer that reads the model's
  // input (a patch embedding, the first convolution) is left to the backup norm, as no matrix, in
  // words for the routing table; "" for any other parameter.
  std::string why_layer(const Fact& f) const;

  const Model& model_;
  std::unordered_map<int64_t, std::string> heads_;  // see find_heads
  const Fact* first_convolution_ = nullptr;
  std::unordered_set<const Fact*> patch_layers_;
};

}  // namespace steepest::routing
