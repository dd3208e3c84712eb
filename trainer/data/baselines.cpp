// SPDX-License-Identifier: Apache-2.0
// Interpolated tables: each order is pulled towards the one below it (Dirichlet smoothing),
//   p1(c) = (n(c) + 1/256) / (N + 1),   pk(c | h) = (n(hc) + a pk-1(c | h')) / (n(h) + a).
#include "trainer/data/baselines.h"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace steepest::trainer {
namespace {

// How many observations the shorter history counts for; 1 to 16 give the same to .005 on source
// code.
constexpr double pull = 4;

// How often bytes follow each other. A history of up to three bytes is the number that they make,
// the latest byte lowest, and the index of its count.
class Tables {
 public:
  // Counts every byte, and every pair and triple of bytes that follow each other.
  explicit Tables(std::span<const uint8_t> bytes) : one_(256), two_(1 << 16), three_(1 << 24) {
    uint32_t history = 0;  // zeros before the first byte
    for (const uint8_t byte : bytes) {
      history = (history << 8 | byte) & 0xffffff;
      ++one_[byte];
      ++two_[history & 0xffff];
      ++three_[history];
    }
    total_ = static_cast<double>(bytes.size());
    before_one_ = history_counts(two_);
    before_two_ = history_counts(three_);
  }

  struct Probabilities {
    double one, two, three;
  };
  // The probabilities of the latest byte of `history`, its lowest: from its frequency alone, given
  // the one byte before it, and given the two. Each is smoothed by the one before, so that none is
  // 0: `pull` observations of it are added to those that were counted.
  Probabilities probability(uint32_t history) const {
    const uint32_t last = history & 0xff, two = history & 0xffff;
    const double p1 = (one_[last] + 1. / 256) / (total_ + 1);
    const double p2 = (two_[two] + pull * p1) / (before_one_[two >> 8] + pull);
    const double p3 = (three_[history] + pull * p2) / (before_two_[history >> 8] + pull);
    return {p1, p2, p3};
  }

 private:
  // How often each history was followed by any byte, [n]: the sums over the latest byte of a table
  // of counts [256 n].
  static std::vector<double> history_counts(const std::vector<uint32_t>& table) {
    std::vector<double> totals(table.size() / 256);
    for (size_t i = 0; i < table.size(); ++i) totals[i / 256] += table[i];
    return totals;
  }

  double total_ = 0;
  std::vector<uint32_t> one_, two_, three_;
  std::vector<double> before_one_, before_two_;  // how often each history was followed
};

// The size of the bytes under deflate, level 9, in nats a byte: what a general compressor gets.
// Throws std::runtime_error where zlib fails.
double zlib_nats(std::span<const uint8_t> bytes) {
  uLongf size = compressBound(bytes.size());
  std::vector<Bytef> packed(size);
  if (compress2(packed.data(), &size, bytes.data(), bytes.size(), 9) != Z_OK)
    throw std::runtime_error("zlib: the validation bytes could not be compressed");
  return static_cast<double>(size) * 8 * std::numbers::ln2 / static_cast<double>(bytes.size());
}

}  // namespace

Baselines baselines(std::span<const uint8_t> train, std::span<const uint8_t> validation) {
  if (train.empty() || validation.empty())
    throw DataError("baselines: received " + std::to_string(train.size()) + " training and " +
                    std::to_string(validation.size()) + " validation bytes, allowed 1 or more");
  const Tables tables(train);
  Baselines nats;
  uint32_t history = 0;
  for (const uint8_t byte : validation) {
    history = (history << 8 | byte) & 0xffffff;
    const auto p = tables.probability(history);
    nats.unigram -= std::log(p.one);
    nats.bigram -= std::log(p.two);
    nats.trigram -= std::log(p.three);
  }
  const auto n = static_cast<double>(validation.size());
  return {nats.unigram / n, nats.bigram / n, nats.trigram / n, zlib_nats(validation)};
}

// The same of both splits of a dataset of text; throws DataError for data of another kind.
Baselines baselines(const Dataset& dataset) {
  if (dataset.bytes(Split::train).empty())
    throw DataError("baselines: received data of kind '" + dataset.spec().kind +
                    "', allowed 'text'");
  return baselines(dataset.bytes(Split::train), dataset.bytes(Split::validation));
}

}  // namespace steepest::trainer
