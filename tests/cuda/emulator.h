// SPDX-License-Identifier: Apache-2.0
// Runs a kernel's source on the processor, a block at a time. Each thread of the block has a stack
// of its own, and goes on until it waits for others. Threads and warps go on in an order drawn from
// a seed, so that an answer which depends on it shows a missing barrier.
#pragma once

#include <cstdint>
#include <functional>

namespace steepest::cuda {

// The built-in variables of CUDA, of which the kernels use one dimension.
struct Index {
  unsigned x = 0;
};
extern Index threadIdx, blockIdx, blockDim, gridDim;

}  // namespace steepest::cuda

namespace steepest::cuda::emulator {

struct Launch {
  unsigned blocks = 1, threads = 32;
  int64_t shared_bytes = 0;  // of dynamic shared memory
  uint64_t seed = 1;         // of the order of threads
};

// Runs kernel() as each thread of each block. Shared memory begins with NaNs; it ends where an
// address sanitizer sees it.
void run(const Launch& launch, const std::function<void()>& kernel);

// The memory of the block that runs.
unsigned short* shared_memory();

// Waits for all threads of the block.
void barrier();

// Waits for the other lanes of the warp, hands all their operands to compute() once, in the lanes'
// order, and returns. All lanes have to give the same function.
using Lanes = void* [32];
void collective(void* operands, void (*compute)(const Lanes& lanes));

// What this thread's asynchronous copies are: see host_unit.h.
void begin_copy(unsigned short* to, const unsigned short* from, int bytes);
void end_group();
void wait_for(int groups);

}  // namespace steepest::cuda::emulator
