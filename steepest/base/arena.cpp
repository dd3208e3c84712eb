// SPDX-License-Identifier: Apache-2.0
#include "steepest/base/arena.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace steepest {

// Every part begins where the widest loads of a device may begin.
at::Tensor Arena::take(at::IntArrayRef sizes, const at::TensorOptions& options) {
  constexpr int64_t kAlignment = 256;
  const auto dtype = c10::typeMetaToScalarType(options.dtype());
  const auto bytes = c10::multiply_integers(sizes) * static_cast<int64_t>(c10::elementSize(dtype));
  const int64_t begin = used_;
  used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  needed_ = std::max(needed_, used_);
  if (!memory_.defined() || used_ > memory_.numel() || memory_.device() != options.device())
    return at::empty(sizes, options);
  return memory_.narrow(0, begin, bytes).view(dtype).view(sizes);
}

}  // namespace steepest
