// SPDX-License-Identifier: Apache-2.0
// llm.c's token shards, whole and damaged.
#include "trainer/data/tokens.h"

#include <cstring>
#include <random>
#include <set>

#include "tests/trainer_data/data.h"

namespace steepest::trainer {
namespace {

using namespace test;
using steepest::test::slurp;

std::vector<uint16_t> tokens_from(uint16_t first, size_t count) {
  std::vector<uint16_t> tokens(count);
  for (size_t i = 0; i < count; ++i) tokens[i] = static_cast<uint16_t>(first + i);
  return tokens;
}

// Two training shards of 20 and 31 tokens, numbered on; one for validation.
struct Shards {
  Shards() {
    write_tokens(folder / "train_0.bin", tokens_from(1000, 20));
    write_tokens(folder / "train_1.bin", tokens_from(1020, 31));
    write_tokens(folder / "val.bin", tokens_from(50000, 9));
    spec.kind = "tokens";
    spec.path = folder / "train_*.bin";
    spec.validation_path = folder / "val.bin";
    spec.context = 8;
    spec.batch = 2;
    spec.order = "sequential";
  }
  // The first training shard with one header word, or its tail, changed.
  void change(size_t word, int32_t value) {
    std::string bytes = slurp(folder / "train_0.bin");
    std::memcpy(bytes.data() + word * 4, &value, 4);
    spill(folder / "train_0.bin", bytes);
  }
  void resize(size_t size) {
    std::string bytes = slurp(folder / "train_0.bin");
    bytes.resize(size, 'x');
    spill(folder / "train_0.bin", bytes);
  }
  Folder folder;
  DataSpec spec;
};

TEST(Tokens, WindowsStayWithinTheirShard) {
  const Shards shards;
  const auto data = make_dataset(shards.spec);
  EXPECT_EQ(data->size(Split::train), 2 + 3);  // (20 - 1) / 8 and (31 - 1) / 8
  EXPECT_EQ(data->size(Split::validation), 1);
  EXPECT_EQ(data->classes(), 50257);
  std::vector<int64_t> firsts;
  for (int64_t i = 0; i < 5; ++i) {
    const Batch batch = data->batch(Split::train, i / 2, i % 2, 1);
    const auto in = row(batch.inputs, 0), out = row(batch.targets, 0);
    for (size_t k = 0; k < 8; ++k) EXPECT_EQ(out[k], in[0] + static_cast<int64_t>(k) + 1);
    firsts.push_back(in[0]);
  }
  EXPECT_EQ(firsts, (std::vector<int64_t>{1000, 1008, 1020, 1028, 1036}));
  EXPECT_EQ(row(data->validation_batch(0, 4).targets, 0).back(), 50008);
}

TEST(Tokens, RandomStartsStayWithinTheirShard) {
  Shards shards;
  shards.spec.order = "random";
  const auto data = make_dataset(shards.spec);
  std::set<int64_t> starts;
  for (int64_t step = 0; step < 500; ++step) {
    const Batch batch = data->batch(Split::train, step);
    for (int64_t i = 0; i < 2; ++i) {
      starts.insert(row(batch.inputs, i)[0]);
      EXPECT_EQ(row(batch.targets, i)[7], row(batch.inputs, i)[0] + 8);
    }
  }
  EXPECT_EQ(starts.size(), 12u + 23u);  // 1000..1011 and 1020..1042
  EXPECT_EQ(*starts.begin(), 1000);
  EXPECT_EQ(*starts.rbegin(), 1042);
  EXPECT_EQ(starts.count(1012), 0u);  // its last target would be the next shard's
}

TEST(Tokens, CountsAreReported) {
  const auto data = make_dataset(Shards().spec);
  EXPECT_EQ(data->describe(),
            "tokens: train shards 2, train tokens 51, validation shards 1, validation tokens 9");
  EXPECT_EQ(data->unit(), "token");
}

TEST(Tokens, WrongHeadersAreRefused) {
  const auto refused = [](size_t word, int32_t value, const std::vector<std::string>& parts) {
    Shards shards;
    shards.change(word, value);
    expect_refused(shards.spec, parts);
  };
  refused(0, 20240521, {"train_0.bin", "magic", "received 20240521", "allowed 20240520"});
  refused(1, 0, {"train_0.bin", "version", "received 0", "allowed 1"});
  refused(1, 99, {"train_0.bin", "version", "received 99", "allowed 1"});
  refused(2, 0, {"train_0.bin", "count", "received 0", "1 or more"});
  refused(2, -5, {"train_0.bin", "count", "received -5", "1 or more"});
  refused(2, 19, {"train_0.bin", "count", "received 40", "allowed 38"});
  refused(2, 21, {"train_0.bin", "count", "received 40", "allowed 42"});
  refused(2, 2147483647, {"train_0.bin", "count", "received 40", "allowed 4294967294"});
}

TEST(Tokens, WrongSizesAreRefused) {
  const auto refused = [](size_t size, const std::vector<std::string>& parts) {
    Shards shards;
    shards.resize(size);
    expect_refused(shards.spec, parts);
  };
  refused(0, {"train_0.bin", "empty"});
  refused(1, {"train_0.bin", "shorter than its header", "received 1 ", "1024"});
  refused(1023, {"train_0.bin", "shorter than its header", "received 1023"});
  refused(1024, {"train_0.bin", "received 0", "allowed 40"});
  refused(1063, {"train_0.bin", "received 39", "allowed 40"});  // an odd byte
  refused(1065, {"train_0.bin", "received 41", "allowed 40"});
}

TEST(Tokens, BeyondTheVocabularyIsRefusedWithItsPosition) {
  Shards shards;
  shards.spec.vocab = 50009;  // the largest token is 50008
  EXPECT_NO_THROW(make_dataset(shards.spec));
  shards.spec.vocab = 50008;
  expect_refused(shards.spec,
                 {"val.bin", "token 8 ", "vocabulary", "received 50008", "allowed 0..50007"});
  shards.spec.vocab = 0;
  expect_refused(shards.spec, {"model.vocab", "received 0", "1 or more"});
}

TEST(Tokens, LengthsAtTheLimit) {
  Shards shards;
  write_tokens(shards.folder / "val.bin", tokens_from(0, 9));
  EXPECT_EQ(make_dataset(shards.spec)->size(Split::validation), 1);
  write_tokens(shards.folder / "val.bin", tokens_from(0, 8));
  expect_refused(shards.spec, {"validation data are too short", "received 8 tokens", "allowed 9"});
  write_tokens(shards.folder / "val.bin", tokens_from(0, 9));
  shards.spec.context = 31;
  expect_refused(shards.spec, {"training data are too short", "received 31 tokens", "allowed 32"});
}

TEST(Tokens, ChangedBytesNeverDoWorseThanARefusal) {
  Shards shards;
  std::mt19937 random(1);
  const std::string whole = slurp(shards.folder / "train_0.bin");
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = whole;
    const size_t at = i % 2 ? random() % 12 : random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    if (i % 3 == 0) bytes.resize(random() % (bytes.size() + 9));
    spill(shards.folder / "train_0.bin", bytes);
    try {
      const auto data = make_dataset(shards.spec);
      for (int64_t step = 0; step < 4; ++step)
        ASSERT_LT(data->batch(Split::train, step).inputs.max().item<int64_t>(), 50257);
    } catch (const DataError& error) {
      ASSERT_TRUE(steepest::test::one_line(error.what()));
      ++refused;
    }
  }
  EXPECT_GT(refused, 600);   // each change of magic, version, count or size
  EXPECT_LT(refused, 1000);  // reserved header words and most tokens may be anything
}

}  // namespace
}  // namespace steepest::trainer
