// SPDX-License-Identifier: Apache-2.0
// Whether this process may multiply with AMX.
#pragma once

namespace steepest::cpu {

// True where the processor has AMX for bfloat16, the system lets this process use it,
// neither STEEPEST_CPU nor ONEDNN_MAX_CPU_ISA (which keeps torch off it) forbids it, and a small
// product comes out right: some virtual machines announce AMX and trap its instructions. The first
// call finds this out, and switches the tiles on for the process.
bool has_amx();

}  // namespace steepest::cpu
