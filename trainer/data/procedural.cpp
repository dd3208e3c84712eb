// SPDX-License-Identifier: Apache-2.0
// Pictures drawn in integer arithmetic, so that every machine draws the same ones.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "trainer/data/counter.h"
#include "trainer/data/files.h"
#include "trainer/data/images.h"

namespace steepest::trainer {
namespace {

constexpr int64_t turn = 1024, one = 1 << 14;  // steps of a full turn; 1.0 in fixed point

// The sine of angle i, a full turn being `turn`, in fixed point: multiplied by `one` and rounded.
// Integers make the pictures the same on every machine.
const std::array<int64_t, turn>& sine_table() {
  static const auto table = [] {
    std::array<int64_t, turn> values{};
    for (int64_t i = 0; i < turn; ++i)
      values[static_cast<size_t>(i)] =
          std::lround(one * std::sin(2 * std::numbers::pi * static_cast<double>(i) / turn));
    return values;
  }();
  return table;
}

// The sine in fixed point of any angle, a full turn being `turn`.
int64_t sin_of(int64_t angle) { return sine_table()[static_cast<size_t>(angle & (turn - 1))]; }
// The cosine of any angle, in the units of sin_of.
int64_t cos_of(int64_t angle) { return sin_of(angle + turn / 4); }

// A picture's figure: at each pixel the share of the foreground, 0..256.
struct Figure {
  int64_t label;             // the class: 0..4 gratings, 5..9 shapes
  int64_t angle;             // steps of a turn
  int64_t x, y, size;        // centre and radius, pixels
  int64_t frequency, phase;  // of a grating: steps of a turn a pixel, and at the centre

  // Returns a figure of this class, 0..4 a grating, 5..9 a shape, whose direction, centre, size,
  // frequency and phase are drawn from `random`. A grating's class is its direction, up to 9
  // degrees.
  static Figure random(int64_t label, CounterStream& random) {
    const bool grating = label < 5;
    // Directions 36 degrees apart, each up to 9 degrees off; a shape is turned freely.
    const int64_t angle = grating ? label * turn / 10 + random.range(-turn / 40, turn / 40)
                                  : random.range(0, turn - 1);
    return {label,
            angle,
            random.range(11, 20),
            random.range(11, 20),
            random.range(6, 10),
            random.range(turn / 10, turn / 4),
            random.range(0, turn - 1)};
  }

  // The share of the foreground at pixel (px, py), 0 (none) to 256 (all): a sine wave across a
  // grating, all or nothing of a shape. u and v are the distance from the centre along the figure's
  // direction and across it.
  int64_t share(int64_t px, int64_t py) const {
    const int64_t dx = px - x, dy = py - y;
    const int64_t u = dx * cos_of(angle) + dy * sin_of(angle);  // in units of 1 / one
    const int64_t v = dy * cos_of(angle) - dx * sin_of(angle);
    if (label < 5) return 128 + 128 * sin_of(phase + u * frequency / one) / one;
    return inside(std::abs(u), v, size * one) ? 256 : 0;
  }

  // Whether the point (u, v) from the centre, turned upright, lies in the shape of size r; all in
  // fixed point, u >= 0 as the shapes are symmetric.
  bool inside(int64_t u, int64_t v, int64_t r) const {
    switch (label) {
      case 5:  // disk
        return u * u + v * v < r * r;
      case 6:  // ring
        return u * u + v * v < r * r && 4 * (u * u + v * v) > r * r;
      case 7:  // square
        return std::max(u, std::abs(v)) * 6 < r * 5;
      case 8:  // triangle
        return 2 * v > -r && 7 * u < 4 * (r - v);
      default:  // cross
        return std::min(u, std::abs(v)) * 4 < r && std::max(u, std::abs(v)) < r;
    }
  }
};

// A number from the lower 32 random bits, roughly normal, of deviation about 148: the sum of four
// bytes, without its mean.
int64_t noise(uint64_t bits) {
  return static_cast<int64_t>((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) +
                              (bits >> 24 & 255)) -
         510;
}

// Writes the figure to `record` [1 + 3 * 32 * 32], the label and then the planes of red, green and
// blue: a ground of random colour that the foreground makes lighter or darker, under light that
// falls off to one side and under noise.
void paint(const Figure& figure, CounterStream& random, uint8_t* record) {
  record[0] = static_cast<uint8_t>(figure.label);
  std::array<int64_t, 3> ground{}, contrast{};
  const int64_t polarity = random.range(0, 1) * 2 - 1;
  for (size_t c = 0; c < 3; ++c) {
    ground[c] = random.range(90, 165);
    contrast[c] = polarity * random.range(10, 70);
  }
  const int64_t slope_x = random.range(-2, 2), slope_y = random.range(-2, 2);  // of the light
  for (int64_t y = 0; y < image_side; ++y)
    for (int64_t x = 0; x < image_side; ++x) {
      const int64_t share = figure.share(x, y);
      const int64_t light = slope_x * (x - 16) + slope_y * (y - 16);
      const uint64_t first = random.bits(), second = random.bits();
      const std::array<int64_t, 3> grain{noise(first), noise(first >> 32), noise(second)};
      for (size_t c = 0; c < 3; ++c)
        record[1 + static_cast<int64_t>(c) * image_side * image_side + y * image_side + x] =
            static_cast<uint8_t>(std::clamp<int64_t>(
                ground[c] + light + contrast[c] * share / 256 + grain[c] / 4, 0, 255));
    }
}

// Mean and deviation of each channel over all records of side x side pixels, of values from 0 to 1.
ImageDataset::Scaling scaling_of(const Records& records, int64_t side) {
  std::array<double, 3> sum{}, squares{};
  for (size_t i = 0; i < records.size(); ++i) {
    const auto place = static_cast<int64_t>(i) % record_bytes_of(side) - 1;
    if (place < 0) continue;
    const auto c = static_cast<size_t>(place / (side * side));
    const double value = records[i] / 255.0;
    sum[c] += value;
    squares[c] += value * value;
  }
  ImageDataset::Scaling scaling{};
  const double n = static_cast<double>(static_cast<int64_t>(records.size()) /
                                       record_bytes_of(side) * side * side);
  for (size_t c = 0; c < 3; ++c) {
    const double mean = sum[c] / n;
    scaling.mean[c] = static_cast<float>(mean);
    scaling.deviation[c] = static_cast<float>(std::sqrt(squares[c] / n - mean * mean));
  }
  return scaling;
}

}  // namespace

// Draws `count` pictures as CIFAR-10's records, the ten classes in turn; each is a function of
// seed, split and its number.
Records draw_records(Split split, int64_t count, uint64_t seed) {
  Records records(static_cast<size_t>(count * record_bytes));
  for (int64_t i = 0; i < count; ++i) {
    CounterStream random(hash_words(seed, split, i));
    const Figure figure = Figure::random(i % image_classes, random);
    paint(figure, random, records.data() + i * record_bytes);
  }
  return records;
}

// A dataset of spec.train_images and spec.validation_images pictures, drawn from seed 0, so that
// they are the same in every run, and scaled by the mean and deviation of those for training.
std::unique_ptr<Dataset> make_procedural(const DataSpec& spec) {
  for (const int64_t count : {spec.train_images, spec.validation_images})
    if (count < 1 || count > 1'000'000)
      throw DataError("data.train_images and data.validation_images: received " +
                      std::to_string(count) + ", allowed 1..1000000");
  const int64_t side = side_of(spec);
  Records train = averaged(draw_records(Split::train, spec.train_images, 0), side);
  Records validation = averaged(draw_records(Split::validation, spec.validation_images, 0), side);
  const auto scaling = scaling_of(train, side);
  const std::vector<std::pair<std::string, int64_t>> counts{
      {"train images", spec.train_images}, {"validation images", spec.validation_images}};
  return std::make_unique<ImageDataset>(spec, std::move(train), std::move(validation), scaling,
                                        counts);
}

}  // namespace steepest::trainer
