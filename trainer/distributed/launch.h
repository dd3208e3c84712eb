// SPDX-License-Identifier: Apache-2.0
// The processes of one run on this machine: each is this program, started once more.
#pragma once

#include <cstdint>
#include <string>

namespace steepest::trainer {

// Starts this program `count` times with the arguments that it was started with, as the processes
// of a world on this machine, and waits for their end; returns the exit code of the run. Only
// process 0 has stdout and stderr. A stop signal is passed on to all. Where a process ends before
// its time the others are ended, soon by force, and a line on stderr tells which, why, and how the
// run in the folder `out` goes on. Threads are divided among them, unless OMP_NUM_THREADS is set.
int run_processes(int64_t count, const std::string& out);

// Whether this process is the first that run_processes has started, which knows more of a lost one.
bool is_told_of();

}  // namespace steepest::trainer
