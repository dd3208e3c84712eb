// SPDX-License-Identifier: Apache-2.0
// The names that routing knows: one table for every face.
#pragma once

#include <string>

namespace steepest::routing {

// One pattern of names, matched as a whole or anywhere; what was asked before is remembered, for a
// large model has few names.
class Names {
 public:
  // Takes a regular expression that a name is to match as a `whole`, or somewhere. It is kept for
  // as long as the process lives, as is right for a constant.
  explicit Names(const char* pattern, bool whole = false);
  // Whether the name matches the pattern; a number, as in layers.3, never does.
  bool match(const std::string& name) const;

 private:
  struct Pattern;
  const Pattern* pattern_;  // lives as long as the process
};

// Parameters' own names.
extern const Names kBias, kStackBias, kGain, kTable, kStateSpace;
// Layers' names: embeddings and norms where only the name is known.
extern const Names kEmbedding, kNorm;
// Modules' names: output heads; networks, whose last layer is one; mean and deviation of an output,
// that of an encoder perhaps; a last layer that says so itself.
extern const Names kHead, kNetwork, kMoment, kLast;
extern const Names kExit;  // of a head's layers the last, whatever is registered after it
// What an output head never lies in; side branches that are registered after the head; what leads
// features to a head and is none.
extern const Names kNoHead, kBranch, kFeatures;
extern const Names kAttentionInput;  // query, key and value
extern const Names kWrapper, kPatch, kRouterType;
// Layouts: fused query, key, value; key and value; gate and up; the way down.
extern const Names kQkv, kKv, kGateUp, kDown;
extern const Names kInterleaved;  // full types whose query, key and value take turns by head

}  // namespace steepest::routing
