// SPDX-License-Identifier: Apache-2.0
// What NVRTC compiles: the unit, and the kernel that STEEPEST_KERNEL names, so that the first use
// of one waits for no other.
#include "steepest/kernels/cuda/device/unit.cuh"

#include "steepest/kernels/cuda/device/one_block.cuh"
#include "steepest/kernels/cuda/device/step.cuh"
#include "steepest/kernels/cuda/device/symmetric_product.cuh"

namespace steepest::cuda {

#ifdef STEEPEST_ONE_BLOCK
extern "C" __global__ void __launch_bounds__(Square<STEEPEST_ONE_BLOCK, unit::Fp16>::kThreads, 1)
    STEEPEST_NAME(const __grid_constant__ IterationTask task) {
  one_block<STEEPEST_ONE_BLOCK, unit::Fp16>(task);
}
#endif

#ifdef STEEPEST_SYMMETRIC
extern "C" __global__ void __launch_bounds__(kSymmetricThreads, 2)
    STEEPEST_NAME(const __grid_constant__ SymmetricTask task) {
  symmetric_product<unit::STEEPEST_SYMMETRIC>(task);
}
#endif

#ifdef STEEPEST_STEP
extern "C" __global__ void __launch_bounds__(kStepThreads)
    STEEPEST_NAME(const __grid_constant__ STEEPEST_TASK task) {
  STEEPEST_STEP(task);
}
#endif

}  // namespace steepest::cuda
