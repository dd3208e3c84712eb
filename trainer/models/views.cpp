// SPDX-License-Identifier: Apache-2.0
#include "trainer/models/views.h"

#include <ATen/ATen.h>

#include <array>
#include <stdexcept>

namespace steepest::trainer {
namespace {

// The mean logits of images and of their mirror images.
at::Tensor mirrored_logits(Model& model, const at::Tensor& images) {
  return (model.logits({images, {}}) + model.logits({images.flip(3), {}})) / 2;
}

}  // namespace

void check_views(int64_t views) {
  if (views != 1 && views != 2 && views != 6)
    throw std::invalid_argument("model.views: received " + std::to_string(views) +
                                ", allowed 1, 2, 6");
}

at::Tensor mean_logits(Model& model, const Batch& batch, int64_t views) {
  if (views == 1) return model.logits(batch);
  const at::Tensor plain = mirrored_logits(model, batch.inputs);
  if (views == 2) return plain;
  const std::array<int64_t, 4> border{1, 1, 1, 1};
  const at::Tensor wide = at::reflection_pad2d(batch.inputs, border);
  const int64_t side = batch.inputs.size(2);
  const auto shifted = [&](int64_t by) {
    return mirrored_logits(model, wide.narrow(2, by, side).narrow(3, by, side));
  };
  return plain / 2 + (shifted(0) + shifted(2)) / 4;
}

}  // namespace steepest::trainer
