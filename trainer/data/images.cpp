// SPDX-License-Identifier: Apache-2.0
// Pictures from records of bytes: scaled, and in training mirrored and shifted.
#include "trainer/data/images.h"

#include <ATen/ops/empty.h>

#include <cstdlib>

#include "trainer/data/counter.h"

namespace steepest::trainer {
namespace {

// Writes the plane [32, 32] at `from` to `to` [side, side], averaged over squares of pixels; a half
// is rounded up.
void average_plane(const uint8_t* from, int64_t side, uint8_t* to) {
  const int64_t width = image_side / side, count = width * width;
  for (int64_t y = 0; y < side; ++y)
    for (int64_t x = 0; x < side; ++x) {
      int64_t sum = count / 2;
      for (int64_t i = 0; i < count; ++i)
        sum += from[(y * width + i / width) * image_side + x * width + i % width];
      *to++ = static_cast<uint8_t>(sum / count);
    }
}

}  // namespace

int64_t side_of(const DataSpec& spec) {
  const int64_t side = spec.side.value_or(image_side);
  if (side >= 1 && side <= image_side && image_side % side == 0) return side;
  throw DataError("data.side: received " + std::to_string(side) + ", allowed 1, 2, 4, 8, 16, 32");
}

Records averaged(const Records& records, int64_t side) {
  const int64_t count = static_cast<int64_t>(records.size()) / record_bytes;
  Records out(static_cast<size_t>(count * record_bytes_of(side)));
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* from = records.data() + i * record_bytes;
    uint8_t* to = out.data() + i * record_bytes_of(side);
    *to++ = *from++;
    for (int64_t c = 0; c < image_channels; ++c)
      average_plane(from + c * image_side * image_side, side, to + c * side * side);
  }
  return out;
}

ImageDataset::ImageDataset(const DataSpec& spec, Records train, Records validation, Scaling scaling,
                           std::vector<std::pair<std::string, int64_t>> counts,
                           std::vector<DataFile> files)
    : Dataset(spec),
      side_(side_of(spec)),
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

// By reflection without repeating the edge: of 32 pixels -1 -> 1, 32 -> 30. One pixel shows itself
// everywhere.
int64_t ImageDataset::reflected(int64_t i) const {
  const int64_t last = side_ - 1;
  return last - std::abs(last - std::abs(i));
}

bool ImageDataset::is_mirrored(const Pick& pick, uint64_t random) const {
  if (!spec().alternating.value_or(false)) return (random & 1) != 0;
  return ((hash_words(spec().seed, pick.index) + static_cast<uint64_t>(pick.epoch)) & 1) != 0;
}

void ImageDataset::draw(const uint8_t* record, bool augment, const Pick& pick, float* out) const {
  CounterStream random(pick.seed);
  const bool mirror = augment && spec().flip && is_mirrored(pick, random.bits());
  const int64_t reach = augment ? spec().translate : 0;
  const int64_t down = random.range(-reach, reach), right = random.range(-reach, reach);
  for (size_t c = 0; c < 3; ++c)
    for (int64_t y = 0; y < side_; ++y) {
      const uint8_t* line =
          record + 1 + (static_cast<int64_t>(c) * side_ + reflected(y + down)) * side_;
      for (int64_t x = 0; x < side_; ++x)
        *out++ = value_[c][line[reflected((mirror ? side_ - 1 - x : x) + right)]];
    }
}

Batch ImageDataset::gather(const Picks& picks) const {
  const auto rows = static_cast<int64_t>(picks.rows.size());
  Batch batch{at::empty({rows, image_channels, side_, side_}, at::kFloat),
              at::empty({rows}, at::kLong)};
  float* pixels = batch.inputs.mutable_data_ptr<float>();
  int64_t* labels = batch.targets.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < rows; ++i) {
    const uint8_t* record =
        records(picks.split).data() + picks.rows[i].index * record_bytes_of(side_);
    labels[i] = record[0];
    draw(record, picks.augment, picks.rows[i], pixels + i * image_channels * side_ * side_);
  }
  return batch;
}

}  // namespace steepest::trainer
