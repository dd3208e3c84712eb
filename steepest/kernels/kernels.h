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

// A row of the processor's table of products, which is in the order of preference: a batch of
// matrices takes the first row whose from_rows their shorter side reaches, or float32's where the
// caller asks for it.
struct KernelRow {
  std::string name;         // the instruction set
  at::ScalarType operands;  // the dtype to which they are rounded
  std::string sums;         // the dtype in which products are added up
  int64_t from_rows;
  double error;  // |C - A B|_F <= error |A B|_F for random A and B
};

// Returns the rows that run here, as far as STEEPEST_CPU allows them; empty where ATen does all the
// products.
std::vector<KernelRow> kernel_table();

// Returns the names of these rows, float32's first, such as {"AVX-512", "FP16"}.
std::vector<std::string> kernel_names();

// Returns the bytes that the kernels of all devices keep for their threads at this moment.
int64_t kernel_workspace_bytes();

}  // namespace steepest
