// SPDX-License-Identifier: Apache-2.0
// Several views of an image, out of training: its logits are a weighted mean over them.
#pragma once

#include "trainer/models/model.h"

namespace steepest::trainer {

// Throws std::invalid_argument unless views is 1, 2 or 6.
void check_views(int64_t views);

// The mean logits of the batch's images: of 1 view as they are; of 2 these and mirrored; of 6 both
// of these with weight 1/2, and, with 1/2 together, both of the images shifted by one pixel up and
// left, and down and right, edges reflected.
at::Tensor mean_logits(Model& model, const Batch& batch, int64_t views);

}  // namespace steepest::trainer
