// SPDX-License-Identifier: Apache-2.0
// What simple predictors reach on the same text, in nats a byte: the scale to read a loss against.
#pragma once

#include <cstdint>
#include <span>

#include "trainer/data/dataset.h"

namespace steepest::trainer {

struct Baselines {
  double unigram = 0;  // the bytes' frequencies in the training data
  double bigram = 0;   // given one byte before
  double trigram = 0;  // given two bytes before
  double zlib = 0;     // deflate, level 9, of the validation bytes alone
};

// The cross-entropies on the bytes `validation` of predictors counted on the bytes `train`. Throws
// DataError where either is empty.
Baselines baselines(std::span<const uint8_t> train, std::span<const uint8_t> validation);

// The baselines of a dataset of text; throws DataError for other data.
Baselines baselines(const Dataset& dataset);

}  // namespace steepest::trainer
