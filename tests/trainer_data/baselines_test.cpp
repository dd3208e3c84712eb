// SPDX-License-Identifier: Apache-2.0
// The tables against their formula written out, and against what is known of simple texts.
#include "trainer/data/baselines.h"

#include <array>
#include <cmath>
#include <map>

#include "tests/trainer_data/data.h"

namespace steepest::trainer {
namespace {

using namespace test;

Baselines of(const std::string& train, const std::string& validation) {
  const auto bytes = [](const std::string& text) {
    return std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  };
  return baselines(bytes(train), bytes(validation));
}

std::string small_alphabet(int64_t length, uint64_t seed) {
  std::string text = text_of(length, seed);
  for (char& byte : text) byte = static_cast<char>('a' + (byte & 3) * (byte >> 2 & 1));
  return text;
}

// -log p of each order by maps of strings, pulled towards the order below by 4.
std::array<double, 3> slow(const std::string& train, const std::string& validation) {
  std::map<std::string, double> n;
  const std::string padded = std::string(2, '\0') + train;
  for (size_t i = 2; i < padded.size(); ++i)
    for (size_t k = 1; k <= 3; ++k) {
      ++n[padded.substr(i + 1 - k, k)];
      ++n[padded.substr(i + 1 - k, k - 1) + "<"];  // the history, whatever follows
    }
  std::array<double, 3> nats{};
  const std::string text = std::string(2, '\0') + validation;
  for (size_t i = 2; i < text.size(); ++i) {
    double p = (n[text.substr(i, 1)] + 1. / 256) / (static_cast<double>(train.size()) + 1);
    nats[0] -= std::log(p);
    for (size_t k = 2; k <= 3; ++k) {
      p = (n[text.substr(i + 1 - k, k)] + 4 * p) / (n[text.substr(i + 1 - k, k - 1) + "<"] + 4);
      nats[k - 1] -= std::log(p);
    }
  }
  for (double& value : nats) value /= static_cast<double>(validation.size());
  return nats;
}

TEST(Baselines, AreTheirFormula) {
  const std::string train = small_alphabet(3000, 1), validation = small_alphabet(500, 2) + "zq";
  const auto expected = slow(train, validation);
  const Baselines got = of(train, validation);
  EXPECT_NEAR(got.unigram, expected[0], 1e-12);
  EXPECT_NEAR(got.bigram, expected[1], 1e-12);
  EXPECT_NEAR(got.trigram, expected[2], 1e-12);
}

TEST(Baselines, NoiseHasNoStructure) {
  const Baselines got = of(text_of(400000, 1), text_of(100000, 2));
  EXPECT_NEAR(got.unigram, std::log(256), 0.01);
  EXPECT_NEAR(got.zlib, std::log(256), 0.01);
  EXPECT_GT(got.bigram, std::log(256));  // fitted to noise
}

TEST(Baselines, MoreContextTellsMore) {
  // The byte after b depends on the byte before it: b alone leaves ln 2.
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "abcdbe";
  const Baselines got = of(text, text);
  EXPECT_NEAR(got.unigram, -(2. / 3) * std::log(1. / 6) - (1. / 3) * std::log(1. / 3), 1e-3);
  EXPECT_NEAR(got.bigram, std::log(2) / 3, 1e-3);
  EXPECT_NEAR(got.trigram, 0, 1e-3);
  EXPECT_LT(got.zlib, 0.05);
}

TEST(Baselines, AreOfTextOnly) {
  const OneText one;
  const auto data = one.make();
  const Baselines got = baselines(*data);
  EXPECT_EQ(got.bigram, of(one.text.substr(0, 1500), one.text.substr(1500)).bigram);
  DataSpec spec;
  spec.kind = "procedural";
  spec.train_images = spec.validation_images = 40;
  const auto images = make_dataset(spec);
  EXPECT_NE(error_of([&] { baselines(*images); }).find("'procedural', allowed 'text'"),
            std::string::npos);
  EXPECT_THROW(baselines(std::span<const uint8_t>{}, data->bytes(Split::train)), DataError);
}

}  // namespace
}  // namespace steepest::trainer
