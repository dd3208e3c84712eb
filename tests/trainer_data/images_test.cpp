// SPDX-License-Identifier: Apache-2.0
// CIFAR-10's files and drawn pictures.
#include "trainer/data/images.h"

#include <ATen/ops/stack.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "tests/trainer_data/data.h"
#include "trainer/data/counter.h"

namespace steepest::trainer {
namespace {

using namespace test;
using steepest::test::slurp;

// CIFAR files of drawn pictures: 5 x 4 for training, 6 for validation.
struct Cifar {
  Cifar() {
    write_cifar10(folder.path(), train, validation);
    spec.kind = "cifar10";
    spec.path = folder.path();
    spec.batch = 4;
    spec.order = "sequential";
  }
  Folder folder;
  Records train = draw_records(Split::train, 20, 1);
  Records validation = draw_records(Split::validation, 6, 1);
  DataSpec spec;
};

// A pixel of a record, scaled as CIFAR-10 is.
double pixel(const Records& records, int64_t i, int64_t c, int64_t y, int64_t x) {
  const double mean[]{.4914, .4822, .4465}, deviation[]{.2470, .2435, .2616};
  const uint8_t byte = records[static_cast<size_t>(i * 3073 + 1 + c * 1024 + y * 32 + x)];
  return (byte / 255. - mean[c]) / deviation[c];
}

TEST(Images, CifarComesBackScaledInOrder) {
  const Cifar cifar;
  const auto data = make_dataset(cifar.spec);
  EXPECT_EQ(data->size(Split::train), 20);
  EXPECT_EQ(data->size(Split::validation), 6);
  for (int64_t i = 0; i < 20; ++i) {
    const Batch batch = data->batch(Split::train, i / 4, i % 4, 1);
    EXPECT_EQ(batch.targets.item<int64_t>(), cifar.train[static_cast<size_t>(i * 3073)]);
    const auto image = batch.inputs.accessor<float, 4>();
    for (int64_t c = 0; c < 3; ++c)
      for (const int64_t y : {0, 5, 31})
        for (const int64_t x : {0, 17, 31})
          ASSERT_NEAR(image[0][c][y][x], pixel(cifar.train, i, c, y, x), 1e-5);
  }
  EXPECT_EQ(data->validation_batch(1, 4).inputs.sizes(), (std::vector<int64_t>{2, 3, 32, 32}));
  EXPECT_EQ(data->validation_batch(1, 4).targets[1].item<int64_t>(), cifar.validation[5 * 3073]);
}

// The mirror and shift that made `image` of record i: every variant is tried.
struct Variant {
  bool mirror;
  int64_t down, right;
  auto operator<=>(const Variant&) const = default;
};
int64_t reflected(int64_t i) { return i < 0 ? -i : i > 31 ? 62 - i : i; }
bool is_variant(const at::Tensor& image, const Records& records, int64_t i, const Variant& v) {
  const auto a = image.accessor<float, 3>();
  for (int64_t y = 0; y < 32; ++y)
    for (int64_t x = 0; x < 32; ++x) {
      const int64_t from_x = reflected((v.mirror ? 31 - x : x) + v.right);
      if (std::abs(a[1][y][x] - pixel(records, i, 1, reflected(y + v.down), from_x)) > 1e-4)
        return false;
    }
  return true;
}

TEST(Images, AugmentationMirrorsAndShiftsInTrainingOnly) {
  Cifar cifar;
  const auto plain = make_dataset(cifar.spec);
  cifar.spec.flip = true;
  cifar.spec.translate = 1;
  const auto data = make_dataset(cifar.spec);
  std::set<Variant> met;
  for (int64_t k = 0; k < 200; ++k) {
    const at::Tensor image = data->batch(Split::train, k / 4, k % 4, 1).inputs[0];
    const size_t before = met.size();
    int found = 0;
    for (const bool mirror : {false, true})
      for (int64_t down = -1; down <= 1; ++down)
        for (int64_t right = -1; right <= 1; ++right)
          if (is_variant(image, cifar.train, k % 20, {mirror, down, right}))
            ++found, met.insert({mirror, down, right});
    ASSERT_EQ(found, 1) << k << " " << before;
  }
  EXPECT_EQ(met.size(), 18u);
  EXPECT_TRUE(same(data->validation_batch(0, 6), plain->validation_batch(0, 6)));
  EXPECT_TRUE(same(data->batch(Split::validation, 0), plain->batch(Split::validation, 0)));
  EXPECT_TRUE(same(data->batch(Split::train, 7), make_dataset(cifar.spec)->batch(Split::train, 7)));
}

// What is left of a record's channel c after averaging squares of `width` pixels.
double averaged_byte(const Records& records, int64_t i, int64_t c, int64_t y, int64_t x,
                     int64_t width) {
  double sum = 0;
  for (int64_t dy = 0; dy < width; ++dy)
    for (int64_t dx = 0; dx < width; ++dx)
      sum += records[static_cast<size_t>(i * 3073 + 1 + c * 1024 + (y * width + dy) * 32 +
                                         x * width + dx)];
  return std::floor(sum / static_cast<double>(width * width) + 0.5);
}

TEST(Images, SideAveragesSquaresOfPixels) {
  const double mean[]{.4914, .4822, .4465}, deviation[]{.2470, .2435, .2616};
  for (const int64_t side : {1, 8, 16, 32}) {
    Cifar cifar;
    cifar.spec.side = side;
    const auto data = make_dataset(cifar.spec);
    EXPECT_EQ(data->size(Split::train), 20);
    EXPECT_EQ(data->size(Split::validation), 6);
    const Batch batch = data->validation_batch(0, 6);
    ASSERT_EQ(batch.inputs.sizes(), (std::vector<int64_t>{6, 3, side, side}));
    const auto image = batch.inputs.accessor<float, 4>();
    for (int64_t i = 0; i < 6; ++i) {
      EXPECT_EQ(batch.targets[i].item<int64_t>(), cifar.validation[i * 3073]);
      for (int64_t c = 0; c < 3; ++c)
        for (int64_t y = 0; y < side; ++y)
          for (int64_t x = 0; x < side; ++x) {
            const double byte = averaged_byte(cifar.validation, i, c, y, x, 32 / side);
            ASSERT_NEAR(image[i][c][y][x], (byte / 255 - mean[c]) / deviation[c], 1e-5);
          }
    }
  }
}

TEST(Images, SmallOnesAreMirroredAndShiftedToo) {
  Cifar cifar;
  cifar.spec.side = 4;
  const at::Tensor plain = make_dataset(cifar.spec)->batch(Split::train, 0).inputs;
  cifar.spec.flip = true;
  cifar.spec.translate = 3;  // the most
  const auto data = make_dataset(cifar.spec);
  std::set<std::vector<int64_t>> met;
  for (int64_t epoch = 0; epoch < 60; ++epoch) {
    const at::Tensor image = data->batch(Split::train, epoch * 5, 0, 1).inputs[0];
    for (const bool mirror : {false, true})
      for (int64_t down = -3; down <= 3; ++down)
        for (int64_t right = -3; right <= 3; ++right) {
          const auto at_place = [&](int64_t i) { return i < 0 ? -i : i > 3 ? 6 - i : i; };
          bool all = true;
          for (int64_t y = 0; y < 4; ++y)
            for (int64_t x = 0; x < 4; ++x) {
              const int64_t from = at_place((mirror ? 3 - x : x) + right);
              all &= image[2][y][x].equal(plain[0][2][at_place(y + down)][from]);
            }
          if (all) met.insert({epoch, mirror, down, right});
        }
  }
  std::set<int64_t> epochs;
  std::set<std::vector<int64_t>> variants;
  for (const auto& hit : met) epochs.insert(hit[0]), variants.insert({hit.begin() + 1, hit.end()});
  EXPECT_EQ(epochs.size(), 60u);    // each image is one of them
  EXPECT_GT(variants.size(), 30u);  // and not always the same one
  cifar.spec.translate = 4;
  expect_refused(cifar.spec, {"data.translate", "received 4", "0..3"});
}

TEST(Images, LimitTakesTheFirstAndReadsNoFileBeyond) {
  Cifar cifar;
  const auto whole = make_dataset(cifar.spec);
  cifar.spec.limit = 6;  // 4 of the first file, 2 of the second
  for (const int i : {3, 4, 5})
    std::filesystem::remove(cifar.folder / ("data_batch_" + std::to_string(i) + ".bin"));
  const auto data = make_dataset(cifar.spec);
  EXPECT_EQ(data->size(Split::train), 6);
  EXPECT_EQ(data->size(Split::validation), 6);
  EXPECT_EQ(count_of(*data, "train images"), 6);
  for (int64_t i = 0; i < 6; ++i)
    EXPECT_TRUE(same(data->batch(Split::train, i / 4, i % 4, 1),
                     whole->batch(Split::train, i / 4, i % 4, 1)));
  EXPECT_EQ(data->files().size(), 3u);
  cifar.spec.limit = 9;
  expect_refused(cifar.spec, {"data_batch_3.bin"});
  write_cifar10(cifar.folder.path(), cifar.train, cifar.validation);
  cifar.spec.limit = 21;
  expect_refused(cifar.spec, {"data.limit", "received 21", "allowed 1..20"});
  cifar.spec.limit = 3;
  expect_refused(cifar.spec, {"batch.rows", "received 4 rows", "allowed 1..3"});
}

TEST(Images, TheFingerprintIsOfWhatIsTaken) {
  Cifar cifar;
  const auto taken = [&](std::optional<int64_t> limit, std::optional<int64_t> side) {
    cifar.spec.limit = limit, cifar.spec.side = side;
    return make_dataset(cifar.spec)->files();
  };
  const auto all = taken({}, {}), some = taken(6, {}), small = taken({}, 16);
  EXPECT_EQ(all[0].size, 4u * 3073);
  EXPECT_EQ(some[1].size, 2u * 3073);
  EXPECT_EQ(small[0].size, 4u * 769);
  EXPECT_EQ(data_difference(taken(20, 32), all), "");
  EXPECT_NE(data_difference(some, all), "");
  EXPECT_NE(data_difference(small, all), "");
  EXPECT_EQ(data_difference(taken(6, {}), some), "");
  std::string bytes = slurp(cifar.folder / "data_batch_2.bin");
  bytes[3 * 3073 + 5] ^= 1;  // an image beyond the limit
  spill(cifar.folder / "data_batch_2.bin", bytes);
  EXPECT_EQ(data_difference(taken(6, {}), some), "");
  bytes[5] ^= 1;
  spill(cifar.folder / "data_batch_2.bin", bytes);
  EXPECT_NE(data_difference(taken(6, {}), some).find("data_batch_2.bin"), std::string::npos);
}

TEST(Images, WrongFilesAreRefused) {
  const auto refused = [](auto damage, const std::vector<std::string>& parts) {
    Cifar cifar;
    damage(cifar.folder);
    expect_refused(cifar.spec, parts);
  };
  refused([](auto& f) { std::filesystem::remove(f / "data_batch_3.bin"); },
          {"data_batch_3.bin", "No such file"});
  refused([](auto& f) { spill(f / "test_batch.bin", ""); },
          {"test_batch.bin", "received 0 bytes", "3073"});
  refused([](auto& f) { spill(f / "data_batch_2.bin", slurp(f / "data_batch_2.bin") + "x"); },
          {"data_batch_2.bin", "received 12293 bytes", "multiple of 3073"});
  for (const int label : {10, 255})
    refused(
        [&](auto& f) {
          std::string bytes = slurp(f / "data_batch_5.bin");
          bytes[3 * 3073] = static_cast<char>(label);
          spill(f / "data_batch_5.bin", bytes);
        },
        {"data_batch_5.bin", "record 3", "received " + std::to_string(label), "0..9"});
  refused(
      [](auto& f) {
        std::filesystem::remove(f / "data_batch_1.bin");
        std::filesystem::create_directory(f / "data_batch_1.bin");
      },
      {"data_batch_1.bin", "is a folder"});
  Cifar cifar;
  cifar.spec.path = cifar.folder / "test_batch.bin";
  expect_refused(cifar.spec, {"data.path", "test_batch.bin", "allowed the folder"});
  cifar.spec.path = cifar.folder.path();
  cifar.spec.batch = 21;
  expect_refused(cifar.spec, {"batch.rows", "received 21 rows", "allowed 1..20"});
}

TEST(Images, DrawnOnesAreTheSameEverywhere) {
  const Records records = draw_records(Split::train, 20, 3);
  EXPECT_EQ(records, draw_records(Split::train, 20, 3));
  EXPECT_NE(records, draw_records(Split::validation, 20, 3));
  EXPECT_NE(records, draw_records(Split::train, 20, 4));
  EXPECT_EQ(hash_bytes(records), 0xd11000de923e8960u);  // changes only with the drawing itself
}

TEST(Images, DrawnOnesAreBalancedAndScaled) {
  DataSpec spec;
  spec.kind = "procedural";
  spec.train_images = 200;
  spec.validation_images = 50;
  spec.batch = 200;
  for (const int64_t side : {32, 16}) {
    spec.side = side;
    const auto data = make_dataset(spec);
    const Batch batch = data->batch(Split::train, 0);
    for (int64_t label = 0; label < 10; ++label)
      EXPECT_EQ(batch.targets.eq(label).sum().item<int64_t>(), 20);
    for (int64_t c = 0; c < 3; ++c) {
      EXPECT_NEAR(batch.inputs.select(1, c).mean().item<double>(), 0, 1e-3);
      EXPECT_NEAR(batch.inputs.select(1, c).std().item<double>(), 1, 1e-3);
    }
    EXPECT_EQ(data->size(Split::validation), 50);
    EXPECT_EQ(batch.inputs.size(3), side);
  }
}

// The nearest class mean is a linear rule; chance is 10 %.
TEST(Images, NoLinearRuleTellsTheDrawnClasses) {
  DataSpec spec;
  spec.kind = "procedural";
  spec.train_images = 2000;
  spec.validation_images = 1000;
  spec.batch = 2000;
  const auto data = make_dataset(spec);
  const Batch train = data->batch(Split::train, 0), held = data->validation_batch(0, 1000);
  std::vector<at::Tensor> means;
  for (int64_t label = 0; label < 10; ++label)
    means.push_back(train.inputs.flatten(1)
                        .index_select(0, train.targets.eq(label).nonzero().flatten())
                        .mean(0));
  const at::Tensor mean = at::stack(means);
  const at::Tensor score = held.inputs.flatten(1).matmul(mean.t()).sub(mean.square().sum(1), 0.5);
  const double right = score.argmax(1).eq(held.targets).to(at::kDouble).mean().item<double>();
  EXPECT_LT(right, 0.25);
}

}  // namespace
}  // namespace steepest::trainer
