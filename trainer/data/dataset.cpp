// SPDX-License-Identifier: Apache-2.0
// From a step and a row to an item, for every kind of data.
#include "trainer/data/dataset.h"

#include <algorithm>

#include "trainer/data/counter.h"

namespace steepest::trainer {

Dataset::Dataset(DataSpec spec) : spec_(std::move(spec)) {}

void Dataset::check_batch_size() const {
  if (spec_.batch > size(Split::train))
    throw DataError("batch.rows: received " + std::to_string(spec_.batch) + " rows, allowed 1.." +
                    std::to_string(size(Split::train)) + ", the items of the training data");
}

Dataset::Pick Dataset::pick(Split split, int64_t step, int64_t row) const {
  const uint64_t seed = hash_words(spec_.seed, split, step, row);
  const int64_t n = size(split), position = step * spec_.batch + row;
  const int64_t epoch = position / n, index = position % n;
  if (spec_.order == "random")
    return {static_cast<int64_t>(below(scramble(seed), static_cast<uint64_t>(starts(split)))), seed,
            epoch};
  if (spec_.order == "sequential") return {index, seed, epoch};
  const Permutation shuffle(static_cast<uint64_t>(n), hash_words(spec_.seed, split, epoch));
  return {static_cast<int64_t>(shuffle(static_cast<uint64_t>(index))), seed, epoch};
}

Batch Dataset::batch(Split split, int64_t step, int64_t row, int64_t rows) const {
  if (step < 0 || row < 0 || rows < 1 || rows > spec_.batch - row)
    throw DataError("batch: received step " + std::to_string(step) + ", rows " +
                    std::to_string(row) + " to " + std::to_string(row + rows) +
                    ", allowed step >= 0 and rows within 0.." + std::to_string(spec_.batch));
  Picks picks{split, spec_.order == "random", split == Split::train, {}};
  for (int64_t i = row; i < row + rows; ++i) picks.rows.push_back(pick(split, step, i));
  Batch made = gather(picks);
  made.seed = picks.rows.front().seed;
  return made;
}

Batch Dataset::first_items(Split split, int64_t count) const {
  Picks picks{split, false, false, {}};
  for (int64_t i = 0; i < std::min(count, size(split)); ++i) picks.rows.push_back({i, 0});
  return gather(picks);
}

int64_t Dataset::validation_batches(int64_t rows) const {
  return (size(Split::validation) + rows - 1) / rows;
}

Batch Dataset::validation_batch(int64_t i, int64_t rows) const {
  const int64_t n = size(Split::validation);
  if (i < 0 || rows < 1 || i >= validation_batches(rows))
    throw DataError("validation_batch: received number " + std::to_string(i) + " of " +
                    std::to_string(rows) + " rows, allowed within " + std::to_string(n) + " items");
  Picks picks{Split::validation, false, false, {}};
  for (int64_t k = i * rows; k < std::min(n, (i + 1) * rows); ++k) picks.rows.push_back({k, 0});
  return gather(picks);
}

const std::vector<Question>& Dataset::questions() const {
  static const std::vector<Question> none;
  return none;
}

// One line for the log: the kind and what was read, "cifar10: train images 50000, ..".
std::string Dataset::describe() const {
  std::string text = spec_.kind + ":";
  for (const auto& [what, count] : counts()) text += " " + what + " " + std::to_string(count) + ",";
  text.pop_back();
  return text;
}

}  // namespace steepest::trainer
