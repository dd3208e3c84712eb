// SPDX-License-Identifier: Apache-2.0
// Threads of torch's OpenMP spin while they wait for each other. Where another process wants the
// cores too, a thread that has lost its core is waited for by others that burn theirs: measured,
// training beside a busy machine takes ten times as long as with threads that sleep.
#pragma once

namespace steepest::trainer {

// Starts this program again, in the same process, with OMP_WAIT_POLICY=passive, which OpenMP reads
// before main(); `argv` is main's. Returns where the user has said how threads wait
// (OMP_WAIT_POLICY, GOMP_SPINCOUNT) or that there is one (OMP_NUM_THREADS), where the command
// trains or evaluates nothing, and where it cannot be started again. To be called first.
void wait_passively(char** argv);

}  // namespace steepest::trainer
