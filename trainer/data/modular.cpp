// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/modular.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace steepest::trainer {

ModularDataset::ModularDataset(const DataSpec& spec)
    : Dataset(spec),
      all_(spec.modulus * spec.modulus),
      shown_(std::llround(spec.train_fraction * static_cast<double>(all_))),
      order_(static_cast<uint64_t>(all_), hash_words(spec.seed, all_)) {
  if (shown_ < 1 || shown_ >= all_)
    throw DataError("data.train_fraction: received " + std::to_string(shown_) + " of " +
                    std::to_string(all_) + " pairs, allowed 1.." + std::to_string(all_ - 1));
  check_batch_size();
}

Batch ModularDataset::gather(const Picks& picks) const {
  const auto rows = static_cast<int64_t>(picks.rows.size());
  Batch batch{at::empty({rows, 3}, at::kLong), at::empty({rows}, at::kLong)};
  int64_t* inputs = batch.inputs.mutable_data_ptr<int64_t>();
  int64_t* targets = batch.targets.mutable_data_ptr<int64_t>();
  const int64_t p = spec().modulus;
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t index = picks.rows[i].index + (picks.split == Split::train ? 0 : shown_);
    const auto pair = static_cast<int64_t>(order_(static_cast<uint64_t>(index)));
    const int64_t a = pair / p, b = pair % p;
    inputs[3 * i] = a, inputs[3 * i + 1] = b, inputs[3 * i + 2] = p;
    targets[i] = (a + b) % p;
  }
  return batch;
}

Batch NoData::gather(const Picks& picks) const {
  const auto rows = static_cast<int64_t>(picks.rows.size());
  return {at::zeros({rows}, at::kLong), at::zeros({rows}, at::kLong)};
}

}  // namespace steepest::trainer
