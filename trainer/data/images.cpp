// SPDX-License-Identifier: Apache-2.0
// Pictures from records of bytes: scaled, and in training mirrored and shifted.
#include "trainer/data/images.h"

#include <ATen/ops/empty.h>

#include <cstdlib>

#include "trainer/data/counter.h"

namespace steepest::trainer {
namespace {

// Maps a coordinate up to 31 pixels outside of the image to the pixel 0..31 that is shown there, by
// reflection without repeating the edge: -1 -> 1, 32 -> 30.
constexpr int64_t reflect(int64_t i) {
  if (i < 0) return -i;
  return i < image_side ? i : 2 * (image_side - 1) - i;
}

}  // namespace

ImageDataset::ImageDataset(const DataSpec& spec, Records train, Records validation, Scaling scaling,
                           std::vector<std::pair<std::string, int64_t>> counts,
                           std::vector<DataFile> files)
    : Dataset(spec),
      train_(std::move(train)),
      validation_(std::move(validation)),
      counts_(std::move(counts)) {
  for (size_t c = 0; c < 3; ++c)
    for (size_t byte = 0; byte < 256; ++byte)
      value_[c][byte] =
          (static_cast<float>(byte) / 255.0f - scaling.mean[c]) / scaling.deviation[c];
  set_files(std::move(files));
  check_batch_size();
}

void ImageDataset::draw(const uint8_t* record, bool augment, uint64_t seed, float* out) const {
  CounterStream random(seed);
  const bool mirror = augment && spec().flip && (random.bits() & 1) != 0;
  const int64_t reach = augment ? spec().translate : 0;
  const int64_t down = random.range(-reach, reach), right = random.range(-reach, reach);
  for (size_t c = 0; c < 3; ++c)
    for (int64_t y = 0; y < image_side; ++y) {
      const uint8_t* line =
          record + 1 + (static_cast<int64_t>(c) * image_side + reflect(y + down)) * image_side;
      for (int64_t x = 0; x < image_side; ++x)
        *out++ = value_[c][line[reflect((mirror ? image_side - 1 - x : x) + right)]];
    }
}

Batch ImageDataset::gather(const Picks& picks) const {
  const auto rows = static_cast<int64_t>(picks.rows.size());
  Batch batch{at::empty({rows, image_channels, image_side, image_side}, at::kFloat),
              at::empty({rows}, at::kLong)};
  float* pixels = batch.inputs.mutable_data_ptr<float>();
  int64_t* labels = batch.targets.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < rows; ++i) {
    const uint8_t* record = records(picks.split).data() + picks.rows[i].index * record_bytes;
    labels[i] = record[0];
    draw(record, picks.augment, picks.rows[i].seed, pixels + i * image_bytes);
  }
  return batch;
}

}  // namespace steepest::trainer
