// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cuda/step_tasks.h"

#include <c10/util/Exception.h>

#include <cmath>

namespace steepest::cuda {
namespace {

// Returns the number of blocks for so many entries.
int blocks_for(int64_t size) { return static_cast<int>((size + kChunk - 1) / kChunk); }

// Sorts the tensors 0 .. count - 1 into launches, which begin as copies of `common`. listed(i)
// returns tensor i as its task lists it, but for first_block.
template <class Task, class Listed>
std::vector<StepLaunch<Task>> in_launches(size_t count, const Task& common, const Listed& listed) {
  std::vector<StepLaunch<Task>> launches;
  for (size_t i = 0; i < count; ++i) {
    auto tensor = listed(i);
    if (tensor.size == 0) continue;
    if (launches.empty() || launches.back().task.count == kMaxListed) launches.push_back({common});
    auto& launch = launches.back();
    tensor.first_block = launch.blocks;
    launch.task.list[launch.task.count++] = tensor;
    launch.blocks += blocks_for(tensor.size);
  }
  return launches;
}

// Sets the weight as ATen's lerp has it: w, or w - 1 from the far end where |w| is a half or more.
void set_lerp(double w, float& weight, int& near) {
  weight = static_cast<float>(w);
  near = std::abs(weight) < .5f;
  if (near == 0) weight -= 1;
}

}  // namespace

Kind kind_of_dtype(at::ScalarType dtype) {
  if (dtype == at::kFloat) return Kind::float32;
  TORCH_INTERNAL_ASSERT(dtype == at::kHalf || dtype == at::kBFloat16);
  return dtype == at::kHalf ? Kind::float16 : Kind::bfloat16;
}

bool is_plain(const at::Tensor& t) {
  const auto dtype = t.scalar_type();
  return t.is_contiguous() && (dtype == at::kFloat || dtype == at::kHalf || dtype == at::kBFloat16);
}

std::vector<StepLaunch<AdvanceTask>> advance_tasks(at::TensorList m, at::TensorList g,
                                                   at::TensorList u, double take, double carry) {
  if (m.empty()) return {};
  AdvanceTask common{.m_kind = kind_of_dtype(m[0].scalar_type()),
                     .g_kind = kind_of_dtype(g[0].scalar_type()),
                     .u_kind = kind_of_dtype(u[0].scalar_type())};
  set_lerp(take, common.take, common.take_near);
  set_lerp(carry, common.carry, common.carry_near);
  return in_launches(m.size(), common, [&](size_t i) {
    return Advanced{.m = m[i].mutable_data_ptr(),
                    .g = g[i].const_data_ptr(),
                    .u = u[i].mutable_data_ptr(),
                    .size = m[i].numel()};
  });
}

SumTask sum_task(const StepLaunch<AdvanceTask>& launch) {
  SumTask task{.count = launch.task.count};
  for (int i = 0; i < task.count; ++i)
    task.ends[i] = i + 1 < task.count ? launch.task.list[i + 1].first_block : launch.blocks;
  return task;
}

std::vector<StepLaunch<MoveTask>> move_tasks(at::TensorList w, at::TensorList s,
                                             const std::vector<double>& keep,
                                             const at::Tensor& coefficients,
                                             const DecayedMove& move) {
  if (w.empty()) return {};
  const MoveTask common{
      .coefficients = coefficients.defined() ? coefficients.const_data_ptr<double>() : nullptr,
      .scale = move.coefficient,
      .w_kind = kind_of_dtype(w[0].scalar_type()),
      .s_kind = kind_of_dtype(s[0].scalar_type()),
      .aligned_only = move.aligned_only};
  int64_t matrices = 0;
  return in_launches(w.size(), common, [&](size_t i) {
    const int64_t size = w[i].numel();
    const int64_t matrix =
        coefficients.defined() && size > 0 ? w[i].size(-1) * w[i].size(-2) : size;
    Moved moved{.w = w[i].mutable_data_ptr(),
                .s = s[i].const_data_ptr(),
                .size = size,
                .matrix = matrix,
                .coefficient = static_cast<int>(matrices),
                .keep = keep[i]};
    if (size > 0) matrices += size / matrix;
    return moved;
  });
}

}  // namespace steepest::cuda
