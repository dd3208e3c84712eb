// SPDX-License-Identifier: Apache-2.0
// The table of kernels that a tensor's device has. A step asks for it once a bucket.
#pragma once

#include <string>
#include <vector>

#include "steepest/kernels/plain.h"
#include "steepest/kernels/table.h"

namespace steepest {

// Returns the kernels that t's device has in place of ATen's operators: a table that lives as long
// as the program. A device of which nothing is known has an empty one, and ATen does all its work.
const Kernels& kernels_of(const at::Tensor& t);

// Returns the instruction sets that the processor's kernels use here, such as {"AVX-512", "FP16"}:
// AVX2 or AVX-512 in float32, FP16 (of AVX-512) and AMX where operands are rounded to float16 or
// bfloat16. Empty where ATen does all the products.
std::vector<std::string> kernel_names();

// Returns the bytes that the kernels of all devices keep for their threads at this moment.
int64_t kernel_workspace_bytes();

}  // namespace steepest
