// SPDX-License-Identifier: Apache-2.0
// The table of products: which kernels run on this processor, from which size on each is chosen,
// and what it costs in accuracy. Its numbers were measured; tests/cpu/kernel_rows_test.cpp holds
// the errors to them.
#pragma once

#include <cstdint>
#include <vector>

#include "steepest/kernels/cpu/gemm_kernel.h"

namespace steepest::cpu {

// Returns the kernels that run here and that STEEPEST_CPU allows, the fastest first and float32's
// last; empty where ATen does all products. A KernelChoice has the columns of the table: operands,
// sums, min_rows, and `error`, below which |C - A B|_F / |A B|_F stays for random A and B of up to
// 768 rows.
std::vector<const KernelChoice*> kernel_rows();

// Returns the kernel by which matrices are multiplied whose shorter side has so many elements,
// where 16-bit operands are good enough: the first of kernel_rows() that is worth it, which is
// float32's for small ones. It needs has_gemm().
const KernelChoice& fast_kernel(int64_t short_side);

}  // namespace steepest::cpu
