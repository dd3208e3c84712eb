// SPDX-License-Identifier: Apache-2.0
#include "trainer/data/make_dataset.h"

#include <algorithm>

#include "steepest/base/text.h"
#include "trainer/data/images.h"
#include "trainer/data/modular.h"
#include "trainer/data/text.h"
#include "trainer/data/tokens.h"

namespace steepest::trainer {
namespace {

// Throws DataError, with the key of the run file, unless low <= value <= high.
void check_range(const char* key, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high)
    throw DataError(std::string(key) + ": received " + std::to_string(value) + ", allowed " +
                    std::to_string(low) + ".." + std::to_string(high));
}

// Throws DataError, with the key of [data], unless the value is one of `all`.
void check_choice(const char* key, const std::string& value, const std::vector<std::string>& all) {
  if (std::find(all.begin(), all.end(), value) == all.end())
    throw DataError("data." + std::string(key) + ": received '" + value + "', allowed " +
                    join(all));
}

}  // namespace

std::vector<std::string> data_kinds() {
  return {"text", "tokens", "cifar10", "procedural", "modular", "none"};
}

std::unique_ptr<Dataset> make_dataset(const DataSpec& spec) {
  check_choice("kind", spec.kind, data_kinds());
  check_choice("order", spec.order, {"shuffled", "random", "sequential"});
  check_range("batch.rows", spec.batch, 1, int64_t{1} << 31);
  check_range("model.context", spec.context, 1, int64_t{1} << 31);
  check_range("data.translate", spec.translate, 0, side_of(spec) - 1);
  if (spec.limit) check_range("data.limit", *spec.limit, 1, int64_t{1} << 31);
  if (spec.kind == "text") return make_text(spec);
  if (spec.kind == "tokens") return make_tokens(spec);
  if (spec.kind == "cifar10") return make_cifar10(spec);
  if (spec.kind == "procedural") return make_procedural(spec);
  if (spec.kind == "none") return std::make_unique<NoData>(spec);
  check_range("data.modulus", spec.modulus, 2, 10000);
  return std::make_unique<ModularDataset>(spec);
}

}  // namespace steepest::trainer
