// SPDX-License-Identifier: Apache-2.0
// The collectives of a run's processes, over torch's Gloo.
#pragma once

#include <memory>
#include <stdexcept>

#include "steepest/distributed/process_group.h"
#include "trainer/distributed/world.h"

namespace steepest::trainer {

// Another process of the run has ended, or does not answer; one line.
struct LostProcess : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Finds the other processes of this world, and returns the group of all. Throws LostProcess where
// they cannot be found within five minutes; so do its collectives where one has ended, at once, or
// does not answer within half an hour (process 0 may be validating meanwhile).
std::shared_ptr<ProcessGroup> connect(const World& world);

}  // namespace steepest::trainer
