// SPDX-License-Identifier: Apache-2.0
// Some virtual machines announce AMX and then trap its instructions, which kills every bfloat16
// product of torch. Tried once in a child process; where it dies, torch is kept off AMX in this
// one.
#pragma once

namespace steepest::trainer {

// Multiplies in bfloat16 in a child process and, where that dies of AMX, keeps torch off it in this
// one. To be called before the first torch operation and before any thread; an ONEDNN_MAX_CPU_ISA
// that the user has set is left alone. Returns true where AMX had to be switched off.
bool avoid_broken_amx();

}  // namespace steepest::trainer
