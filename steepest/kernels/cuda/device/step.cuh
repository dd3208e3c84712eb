// SPDX-License-Identifier: Apache-2.0
// The passes of a step over the entries of its tensors, whose addresses come in a list: the
// momentum with its look-ahead, and the decay with the move. Each entry is read once and written
// once.
#pragma once

#include "steepest/kernels/cuda/device/numbers.cuh"

namespace steepest::cuda {

// Returns the tensor of the list to which this block belongs.
template <class Listed>
const Listed& listed_tensor(const Listed* list, int count) {
  int i = count - 1;
  while (i > 0 && list[i].first_block > static_cast<int>(blockIdx.x)) --i;
  return list[i];
}

// Calls body(first, size) for the entries of this block's chunk of the tensor, four at a time; at
// the tensor's end there may be fewer.
template <class Listed, class Body>
void for_each_four(const Listed& tensor, const Body& body) {
  const long long chunk = static_cast<long long>(blockIdx.x - tensor.first_block) * kChunk;
  STEEPEST_UNROLL
  for (int j = 0; j < kChunk; j += 4 * kStepThreads) {
    const long long first = chunk + j + 4 * static_cast<int>(threadIdx.x);
    if (first < tensor.size)
      body(first, tensor.size - first < 4 ? static_cast<int>(tensor.size - first) : 4);
  }
}

// Returns end + weight (end - start) or start + weight (end - start), whose weights a lerp from its
// nearer end chooses, with one rounding of the product and the sum.
inline float lerp(float start, float end, float weight, int near) {
  return fmaf(weight, end - start, near ? start : end);
}

inline void advance(const AdvanceTask& task) {
  const Advanced& tensor = listed_tensor(task.list, task.count);
  float square = 0;
  for_each_four(tensor, [&](long long first, int size) {
    float m[4] = {}, g[4] = {}, u[4];
    load_four(tensor.m, first, task.m_kind, size, m);
    load_four(tensor.g, first, task.g_kind, size, g);
    STEEPEST_UNROLL
    for (int i = 0; i < 4; ++i) {
      m[i] = lerp(m[i], g[i], task.take, task.take_near);
      u[i] = lerp(g[i], m[i], task.carry, task.carry_near);
      square += u[i] * u[i];
    }
    store_four(tensor.m, first, task.m_kind, size, m);
    store_four(tensor.u, first, task.u_kind, size, u);
  });
  if (task.partial_squares == nullptr) return;
  const float sum = over_block(square, Plus(), reinterpret_cast<float*>(unit::shared_memory()));
  if (threadIdx.x == 0) task.partial_squares[blockIdx.x] = sum;
}

// Returns keep w - c s, rounded once where c is no float32 or the decay depends on signs.
inline float moved(float w, float s, double keep, double c, int aligned_only) {
  const double size = c < 0 ? -c : c;
  const bool is_float = size == 0 || (size >= 0x1p-126 && size <= 0x1.fffffep127);
  if (is_float && !aligned_only)
    return fmaf(s, static_cast<float>(-c), w * static_cast<float>(keep));
  const double x = w, y = s;
  const double kept = aligned_only && !(x * y >= 0) ? 1 : keep;
  return static_cast<float>(y * -c + x * kept);
}

inline void move(const MoveTask& task) {
  const Moved& tensor = listed_tensor(task.list, task.count);
  for_each_four(tensor, [&](long long first, int size) {
    float w[4] = {}, s[4] = {};
    load_four(tensor.w, first, task.w_kind, size, w);
    load_four(tensor.s, first, task.s_kind, size, s);
    STEEPEST_UNROLL
    for (int i = 0; i < 4; ++i) {
      double c = task.scale;
      if (task.coefficients != nullptr && i < size)
        c *= task.coefficients[tensor.coefficient + (first + i) / tensor.matrix];
      w[i] = moved(w[i], s[i], tensor.keep, c, task.aligned_only);
    }
    store_four(tensor.w, first, task.w_kind, size, w);
  });
}

// The sums of each tensor's partial sums, by one block.
inline void sum_partials(const SumTask& task) {
  const int i = static_cast<int>(blockIdx.x);
  float sum = 0;
  for (int j = (i == 0 ? 0 : task.ends[i - 1]) + static_cast<int>(threadIdx.x); j < task.ends[i];
       j += kStepThreads)
    sum += task.partials[j];
  sum = over_block(sum, Plus(), reinterpret_cast<float*>(unit::shared_memory()));
  if (threadIdx.x == 0) task.sums[i] = sum;
}

}  // namespace steepest::cuda
