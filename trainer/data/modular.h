// SPDX-License-Identifier: Apache-2.0
// Data without files: the table of a + b mod p, and none at all.
#pragma once

#include "trainer/data/counter.h"
#include "trainer/data/dataset.h"

namespace steepest::trainer {

// The p^2 pairs (a, b), each a row of the tokens a, b, p (for "=") with the one target a + b mod p.
// Training shows a share of the pairs, chosen by the spec's seed; validation has all others.
class ModularDataset : public Dataset {
 public:
  // Takes modulus and train_fraction of the spec. Throws DataError where a split would be empty, or
  // training has fewer pairs than a batch has rows.
  explicit ModularDataset(const DataSpec& spec);

  // The number of pairs of the split.
  int64_t size(Split split) const override {
    return split == Split::train ? shown_ : all_ - shown_;
  }
  // The size of the vocabulary: the p numbers and "=".
  int64_t classes() const override { return spec().modulus + 1; }
  // What a loss is the mean over.
  std::string unit() const override { return "pair"; }
  // The pairs of both splits, for describe().
  std::vector<std::pair<std::string, int64_t>> counts() const override {
    return {{"train pairs", size(Split::train)}, {"validation pairs", size(Split::validation)}};
  }

 protected:
  // The batch of the picked pairs: tokens [rows, 3] int64, and targets [rows] int64.
  Batch gather(const Picks& picks) const override;

 private:
  int64_t all_, shown_;
  Permutation order_;  // of all pairs, of which the first are shown
};

// No data: a model that is its own problem sees the rows' random numbers alone.
class NoData : public Dataset {
 public:
  // Keeps the spec.
  explicit NoData(const DataSpec& spec) : Dataset(spec) {}

  // One item for validation; for training as many as any run takes.
  int64_t size(Split split) const override { return split == Split::train ? int64_t{1} << 62 : 1; }
  // There are no labels.
  int64_t classes() const override { return 0; }
  // What a speed counts.
  std::string unit() const override { return "row"; }
  // Nothing was read.
  std::vector<std::pair<std::string, int64_t>> counts() const override { return {}; }

 protected:
  // A batch of as many rows, all 0: inputs and targets [rows] int64.
  Batch gather(const Picks& picks) const override;
};

}  // namespace steepest::trainer
