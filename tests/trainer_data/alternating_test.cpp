// SPDX-License-Identifier: Apache-2.0
// Images that are mirrored in every second epoch, and the first items of a split.
#include "tests/trainer_data/data.h"

namespace steepest::trainer {
namespace {

using namespace test;

DataSpec drawn_images() {
  DataSpec spec;
  spec.kind = "procedural";
  spec.train_images = 20, spec.validation_images = 10, spec.batch = 4, spec.seed = 4;
  return spec;
}

TEST(Alternating, MirrorsEachImageInEverySecondEpoch) {
  DataSpec spec = drawn_images();
  const at::Tensor plain = make_dataset(spec)->first_items(Split::train, 20).inputs;
  spec.flip = true, spec.alternating = true;
  for (const std::string order : {"sequential", "shuffled"}) {
    spec.order = order;
    const auto data = make_dataset(spec);
    std::vector<std::vector<bool>> mirrored(20);  // of each image, by epoch
    for (int64_t k = 0; k < 100; ++k) {
      const at::Tensor image = data->batch(Split::train, k / 4, k % 4, 1).inputs[0];
      for (int64_t i = 0; i < 20; ++i) {
        if (image.equal(plain[i])) mirrored[i].push_back(false);
        if (image.equal(plain[i].flip(2))) mirrored[i].push_back(true);
      }
    }
    int64_t first = 0;
    for (const auto& one : mirrored) {
      ASSERT_EQ(one.size(), 5u);
      for (size_t epoch = 1; epoch < 5; ++epoch) EXPECT_NE(one[epoch], one[epoch - 1]);
      first += one[0];
    }
    EXPECT_GT(first, 3);
    EXPECT_LT(first, 17);
  }
}

TEST(FirstItems, AreInFileOrderWithoutAugmentation) {
  DataSpec spec = drawn_images();
  spec.order = "sequential";
  const auto plain = make_dataset(spec);
  const Batch first = plain->batch(Split::train, 0);
  spec.flip = true, spec.translate = 2, spec.order = "shuffled", spec.seed = 9;
  const auto data = make_dataset(spec);
  const Batch items = data->first_items(Split::train, 4);
  EXPECT_TRUE(items.inputs.equal(first.inputs) && items.targets.equal(first.targets));
  EXPECT_EQ(data->first_items(Split::train, 5000).targets.size(0), 20);
  EXPECT_TRUE(
      data->first_items(Split::validation, 10).inputs.equal(plain->validation_batch(0, 10).inputs));
}

}  // namespace
}  // namespace steepest::trainer
