// SPDX-License-Identifier: Apache-2.0
// Some virtual machines announce AMX and then trap its instructions, which kills every bfloat16
// product of torch. Tried once in a child process; where it dies, torch is kept off AMX in this
// one.
#pragma once

namespace steepest::trainer {

// Before the first torch operation and before any thread. An ONEDNN_MAX_CPU_ISA that the user has
// set is left alone. Returns true where AMX had to be switched off.
bool avoid_broken_amx();

}  // namespace steepest::trainer
