// SPDX-License-Identifier: Apache-2.0
// Buffers that a thread keeps from call to call, so that a step allocates nothing after the first:
// one a purpose, as large as its largest use, freed with the thread.
#pragma once

#include <cstdint>

namespace steepest::cpu {

enum class Scratch {
  look,
  a_panels,
  b_panels,
  gram,
  square,
  factor,
  spare,
  stretches,
  rounded,
  krylov_v,
  krylov_y,
  krylov_z,
  count
};

// At least `bytes`, aligned to 64, with whatever the last use left there.
void* scratch_bytes(Scratch purpose, int64_t bytes);

template <typename T>
T* scratch(Scratch purpose, int64_t count) {
  return static_cast<T*>(scratch_bytes(purpose, count * static_cast<int64_t>(sizeof(T))));
}

// What all threads hold at this moment.
int64_t workspace_bytes();

}  // namespace steepest::cpu
