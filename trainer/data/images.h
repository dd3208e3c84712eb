// SPDX-License-Identifier: Apache-2.0
// Ten classes of 3x32x32 pictures: CIFAR-10's binary files, or pictures drawn by a procedure; on
// demand averaged down to fewer pixels.
#pragma once

#include <array>

#include "trainer/data/dataset.h"

namespace steepest::trainer {

constexpr int64_t image_side = 32, image_channels = 3, image_classes = 10;

// The bytes of a record of side x side pixels: the label, then the planes red, green, blue.
constexpr int64_t record_bytes_of(int64_t side) { return 1 + image_channels * side * side; }
constexpr int64_t record_bytes = record_bytes_of(image_side);

// Records as in CIFAR-10's files, one after another.
using Records = std::vector<uint8_t>;

// The side of a spec's images in pixels; throws DataError where it does not divide image_side.
int64_t side_of(const DataSpec& spec);
// The records with each image averaged down to side x side pixels, every mean over a square of them
// rounded to a whole byte; `side` divides image_side.
Records averaged(const Records& records, int64_t side);

class ImageDataset : public Dataset {
 public:
  // A pixel becomes (value / 255 - mean) / deviation of its channel.
  struct Scaling {
    std::array<float, 3> mean, deviation;
  };
  // Takes the records of both splits, of side_of(spec) x side_of(spec) pixels, how these are
  // scaled, and what counts() and files() return. Throws DataError where a batch has more rows than
  // there are training images.
  ImageDataset(const DataSpec& spec, Records train, Records validation, Scaling scaling,
               std::vector<std::pair<std::string, int64_t>> counts,
               std::vector<DataFile> files = {});

  // The number of images of the split.
  int64_t size(Split split) const override {
    return static_cast<int64_t>(records(split).size()) / record_bytes_of(side_);
  }
  // The number of labels, 10.
  int64_t classes() const override { return image_classes; }
  // The name of what a loss is the mean over, and of what a speed counts.
  std::string unit() const override { return "image"; }
  // What was read, as names and numbers for describe(), such as {"train images", 50000}.
  std::vector<std::pair<std::string, int64_t>> counts() const override { return counts_; }

 protected:
  // The batch of the picked images, a row each: pictures [rows, 3, side, side] float32, scaled, and
  // labels [rows] int64.
  Batch gather(const Picks& picks) const override;

 private:
  // The records of the split, one after another, each a label and a picture.
  const Records& records(Split split) const { return split == Split::train ? train_ : validation_; }
  // Writes the scaled picture of one record, its label skipped, to `out` [3, side, side]; with
  // `augment`, mirrored and shifted at random as the pick's seed and the spec say.
  void draw(const uint8_t* record, bool augment, const Pick& pick, float* out) const;
  // Whether training shows the picked image mirrored: at random, or where that alternates, in every
  // second epoch, from the first or the second on.
  bool is_mirrored(const Pick& pick, uint64_t random) const;

  // The pixel that is shown at a coordinate up to side - 1 outside of the image.
  int64_t reflected(int64_t i) const;

  int64_t side_;
  Records train_, validation_;
  std::array<std::array<float, 256>, 3> value_;  // of each byte in each channel
  std::vector<std::pair<std::string, int64_t>> counts_;
};

// The images of CIFAR-10. spec.path is the folder of data_batch_1..5.bin and of test_batch.bin
// (validation). Of the former only those are read that hold the first spec.limit images.
std::unique_ptr<Dataset> make_cifar10(const DataSpec& spec);

// Images in the same layout without any file: gratings of five directions, and five shapes, of
// random place, size, colour and contrast under noise. No pixel alone tells the class, so no linear
// model does.
std::unique_ptr<Dataset> make_procedural(const DataSpec& spec);
// Draws `count` such images, the ten classes in turn; each is a function of seed, split and its
// number.
Records draw_records(Split split, int64_t count, uint64_t seed);

// Writes records as CIFAR-10's six files; the training records are cut into five equal parts.
void write_cifar10(const std::string& folder, const Records& train, const Records& validation);

}  // namespace steepest::trainer
