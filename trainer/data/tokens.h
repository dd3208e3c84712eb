// SPDX-License-Identifier: Apache-2.0
// Token shards of llm.c: 256 int32 {20240520, 1, count, 0...}, then count uint16 tokens.
#pragma once

#include "trainer/data/dataset.h"

namespace steepest::trainer {

// A dataset of token shards. spec.path and spec.validation_path are a shard, a glob of shards or a
// folder of .bin files. Every token is checked; throws DataError for what is missing or damaged.
std::unique_ptr<Dataset> make_tokens(const DataSpec& spec);

// Writes the tokens as one shard, the header and then 16 bits a token; throws DataError where it
// cannot.
void write_tokens(const std::string& path, std::span<const uint16_t> tokens);

}  // namespace steepest::trainer
