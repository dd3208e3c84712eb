// SPDX-License-Identifier: Apache-2.0
// A plan shared among processes: who computes which block's direction, and what each process holds
// of it. A pure function of plan and layout: every process makes the same.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "steepest/distributed/layout.h"
#include "steepest/plan.h"

namespace steepest {

// What a process is told of the group that shares its model.
struct Membership {
  std::string group;  // its name in torch.distributed
  int64_t rank = 0;   // of this process in it
  Layout layout;
  std::optional<at::ScalarType> wire = {};  // in which u and s travel; unset: their own
};

// Where a block's direction is computed: by one process, its owner, to which the others send what
// they hold; or by every process that holds some of its matrices or entries, without a message.
constexpr int64_t kWhereItLies = -1;

// Who holds what of a parameter; parameters of one shape that lie alike have it in common.
struct Holders {
  std::vector<Box> boxes;       // what each process holds
  std::vector<int64_t> firsts;  // and the first process that holds the same
  // Whether several processes hold the same.
  bool replicated() const { return firsts.back() != static_cast<int64_t>(firsts.size()) - 1; }
};

struct Sharing {
  Membership member;
  Plan whole;  // of the parameters as they are in one process
  std::vector<std::shared_ptr<const Holders>> holders;  // of each parameter
  std::vector<int64_t> owners;                          // of each block of `whole`; kWhereItLies
  std::vector<size_t> whole_of;  // of each block of the local plan: its number in `whole`

  // Returns the number of processes.
  int64_t processes() const { return member.layout.processes(); }
  // Returns what a process holds of a parameter.
  const Box& box(size_t param, int64_t process) const { return holders[param]->boxes[process]; }
  // Returns what a process holds of the block, which is number `block` of `whole`.
  Box held(size_t block, int64_t process) const;
  // Returns the box of the block's piece of its parameter.
  Box piece(size_t block) const;
  // Returns which process the owner of a block takes a box from: itself, where it holds the same;
  // else the next one behind it that does.
  int64_t source(size_t param, int64_t process, int64_t owner) const;
  // Whether this process holds all of every parameter, as replicas do.
  bool holds_everything() const;
  // Whether this process counts for what it holds of a parameter, where sums go over all processes:
  // it is the first of those that hold the same.
  bool counts(size_t param) const;
};

// What a step costs a process.
struct Load {
  double flops = 0;  // of the norms that it computes for all, estimated
  int64_t sent = 0;  // numbers: of u to owners, and of directions that it has computed
};
// Returns the load of each process.
std::vector<Load> loads_of(const Sharing& sharing);

// Returns the plan of what this process holds, with `sharing` set: its parameters have the shapes
// of their local parts, its blocks are parts of the whole plan's blocks, and tree, leaves, groups
// and rules are those of the whole. Throws c10::ValueError, which names the parameter, where the
// layout does not fit or the recipe cannot be shared.
Plan share_plan(Plan whole, Membership member);
// Does so where each process holds all of every parameter, with a group that has no name: the step
// is to be given it.
Plan share_replicas(Plan whole, int64_t rank, int64_t processes);

// Returns the owners of blocks that cost so much, numbers of processes below `processes`: the
// dearest block first, each to the process with the least to do so far ("longest processing time",
// Graham 1969: at most 4/3 of the least possible time), the one with the fewest bytes among equals.
// Blocks without cost are kWhereItLies.
struct Cost {
  double flops = 0, bytes = 0;
};
std::vector<int64_t> balanced_owners(const std::vector<Cost>& costs, int64_t processes);

}  // namespace steepest
