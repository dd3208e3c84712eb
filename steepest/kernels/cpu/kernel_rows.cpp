// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/kernel_rows.h"

#include "steepest/kernels/cpu/amx.h"

namespace steepest::cpu {

// Before BF16 stands FP16: where both are found, on Intel's processors, VDPBF16PS runs at half the
// rate of float16's multiplications.
std::vector<const KernelChoice*> kernel_rows() {
  std::vector<const KernelChoice*> rows;
  for (const auto* kernel :
       {has_amx() ? amx_kernel() : nullptr, fp16_kernel(), bf16_kernel(), float_kernel()})
    if (kernel != nullptr) rows.push_back(kernel);
  return rows;
}

const KernelChoice& fast_kernel(int64_t short_side) {
  static const std::vector<const KernelChoice*> rows = kernel_rows();
  for (const auto* kernel : rows)
    if (short_side >= kernel->min_rows) return *kernel;
  return *float_kernel();
}

}  // namespace steepest::cpu
