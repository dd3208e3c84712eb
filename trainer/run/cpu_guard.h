// SPDX-License-Identifier: Apache-2.0
// Some virtual machines announce AMX and then trap its instructions, which kills every bfloat16
// product of torch. Tried once in a child process; where it dies, torch is kept off AMX in this
// one.
#pragma once

namespace steepest::trainer {

// Multiplies in bfloat16 in a child process and, where a signal kills that, keeps torch off AMX in
// this one. To be called before the first torch operation and before any thread. Returns true where
// AMX had to be switched off; false where it works, is not there, or could not be tried, and where
// the user has set ONEDNN_MAX_CPU_ISA, which is left alone.
bool avoid_broken_amx();

}  // namespace steepest::trainer
