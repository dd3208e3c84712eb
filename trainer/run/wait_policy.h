// SPDX-License-Identifier: Apache-2.0
// Threads of torch's OpenMP spin while they wait for each other, for about a millisecond. Where
// another process wants the cores too, a thread that has lost its core is waited for by others that
// burn theirs: measured on two cores beside a dozen compilers, training takes 3 to 8 times as long
// as with threads that soon sleep. Alone, it is 6 % faster with spinning threads than with these,
// and 27 % faster than with threads that sleep at once.
#pragma once

namespace steepest::trainer {

// Starts this program again, in the same process, with GOMP_SPINCOUNT=1000, which OpenMP reads
// before main(); `argv` is main's. Returns where the user has said how threads wait
// (OMP_WAIT_POLICY, GOMP_SPINCOUNT) or that there is one (OMP_NUM_THREADS), where the command
// trains or evaluates nothing, and where it cannot be started again. To be called first.
void wait_briefly(char** argv);

}  // namespace steepest::trainer
