// SPDX-License-Identifier: Apache-2.0
// Which of a run's processes this one is, and where it finds the others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trainer/run_spec.h"

namespace steepest::trainer {

struct World {
  int64_t rank = 0, size = 1;
  std::string address;  // of process 0
  uint16_t port = 0;
};

// Returns what RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT say, which torchrun sets; nothing
// where there is no RANK or no WORLD_SIZE, or one process. Throws ConfigError, with the variable,
// where they do not fit together.
std::optional<World> world_of_environment();

// Throws ConfigError where so many processes cannot share the steps of a run: they have to divide
// the rows of a micro-batch, and their weights to be on CPUs.
void require_shareable(const RunSpec& spec, int64_t processes);

}  // namespace steepest::trainer
