// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/kernels.h"

#include <algorithm>

#include "steepest/kernels/cpu/kernel_rows.h"
#include "steepest/kernels/cpu/scratch.h"
#include "steepest/kernels/cpu/table.h"
#include "steepest/kernels/cuda/table.h"

namespace steepest {

const Kernels& kernels_of(const at::Tensor& t) {
  static const Kernels none;
  if (t.is_cpu()) return is_in_memory(t) ? cpu::kernels() : cpu::subclass_kernels();
  return t.is_cuda() ? cuda::kernels() : none;
}

std::vector<KernelRow> kernel_table() {
  std::vector<KernelRow> table;
  for (const auto* row : cpu::kernel_rows())
    table.push_back({row->name, row->operands, row->sums, row->min_rows, row->error});
  return table;
}

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (const auto* row : cpu::kernel_rows()) names.emplace_back(row->name);
  std::reverse(names.begin(), names.end());
  return names;
}

int64_t kernel_workspace_bytes() { return cpu::workspace_bytes(); }

}  // namespace steepest
