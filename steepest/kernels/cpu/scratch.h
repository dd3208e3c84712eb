// SPDX-License-Identifier: Apache-2.0
// Buffers that a thread keeps from call to call, so that a step allocates nothing after the first.
// There is one for each purpose, as large as its largest use, and it is freed with the thread.
#pragma once

#include <cstdint>

namespace steepest::cpu {

// A buffer holds its contents until the next call with the same purpose: two that are in use at the
// same time need two purposes.
enum class Scratch {
  update,  // a batch of matrices between two stages of a step
  a_panels,
  b_panels,  // the packed operands of a product
  gram,
  square,
  factor,
  spare,         // the [n, n] matrices of an iteration
  partial_sums,  // one sum for each part of the rows
  half_matrix,   // a matrix rounded to float16
  krylov_v,
  krylov_y,
  krylov_z,  // V, A V and A^T A V
  count
};

// Returns this thread's memory for the purpose, of at least so many bytes and aligned to 64, with
// whatever the last use left there. The next call with the same purpose may move or overwrite it.
// Throws std::bad_alloc.
void* scratch_bytes(Scratch purpose, int64_t bytes);

// Returns scratch_bytes() of this purpose as an array of `count` elements of type T, which are not
// initialised.
template <typename T>
T* scratch(Scratch purpose, int64_t count) {
  return static_cast<T*>(scratch_bytes(purpose, count * static_cast<int64_t>(sizeof(T))));
}

// Returns the bytes of scratch memory that all threads together hold at this moment.
int64_t workspace_bytes();

}  // namespace steepest::cpu
