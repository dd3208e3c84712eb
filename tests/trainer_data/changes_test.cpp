// SPDX-License-Identifier: Apache-2.0
// Data that change: between two starts, and while they are in use.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/trainer_data/data.h"
#include "trainer/data/fingerprint.h"
#include "trainer/data/tokens.h"

namespace steepest::trainer {
namespace {

using namespace test;
using steepest::test::slurp;
namespace fs = std::filesystem;

struct Corpus {
  Corpus() {
    for (uint64_t i = 0; i < 12; ++i) spill(folder / (std::to_string(i) + ".txt"), text_of(300, i));
    spec.path = folder.path();
    spec.context = 8;
    spec.batch = 2;
  }
  std::vector<DataFile> files() const { return make_dataset(spec)->files(); }
  std::string difference(const std::vector<DataFile>& then) const {
    return data_difference(files(), read_fingerprint(fingerprint(then)));
  }
  Folder folder;
  DataSpec spec;
};

void expect_names(const std::string& line, const std::vector<std::string>& parts) {
  EXPECT_TRUE(steepest::test::one_line(line)) << line;
  for (const auto& part : parts) EXPECT_NE(line.find(part), line.npos) << part << " in: " << line;
}

TEST(DataChanges, TheSameDataAreTheSame) {
  Corpus corpus;
  const auto then = corpus.files();
  EXPECT_EQ(then.size(), 12u);
  EXPECT_EQ(corpus.difference(then), "");
  fs::last_write_time(corpus.folder / "3.txt", fs::file_time_type::clock::now());
  EXPECT_EQ(corpus.difference(then), "");
  const Folder moved;
  fs::copy(corpus.folder.path(), moved.path(), fs::copy_options::recursive);
  corpus.spec.path = moved.path();
  EXPECT_EQ(corpus.difference(then), "");
}

TEST(DataChanges, OneByte) {
  Corpus corpus;
  const auto then = corpus.files();
  std::string text = slurp(corpus.folder / "5.txt");
  text[100] = text[100] == 'x' ? 'y' : 'x';
  spill(corpus.folder / "5.txt", text);
  expect_names(corpus.difference(then), {corpus.folder / "5.txt", "300 bytes", "crc32"});
}

TEST(DataChanges, AFileMoreLessOrInTheOtherSplit) {
  Corpus corpus;
  const auto then = corpus.files();
  spill(corpus.folder / "new.txt", text_of(200, 99));
  expect_names(corpus.difference(then), {"new.txt", "not there"});
  fs::remove(corpus.folder / "new.txt");
  fs::rename(corpus.folder / "7.txt", corpus.folder.path() + "-7");
  expect_names(corpus.difference(then), {"7.txt", "no such file"});
  fs::rename(corpus.folder.path() + "-7", corpus.folder / "7.txt");
  corpus.spec.validation_fraction = 0.9;
  EXPECT_NE(corpus.difference(then), "");
}

TEST(DataChanges, ARenamedFileAloneIsTheSame) {
  OneText one;
  const auto then = one.make()->files();
  fs::rename(one.folder / "text", one.folder / "a b\nc");
  one.spec.path = one.folder / "a b\nc";
  EXPECT_EQ(data_difference(one.make()->files(), read_fingerprint(fingerprint(then))), "");
  spill(one.folder / "a b\nc", one.text + "x");
  expect_names(data_difference(one.make()->files(), read_fingerprint(fingerprint(then))),
               {"a b\\nc", "2001 bytes", "2000 bytes"});
}

TEST(DataChanges, OddNamesComeBack) {
  const std::vector<DataFile> files = {{Split::train, " a b ", "x", 3, "00000001"},
                                       {Split::validation, "n\n\xff", "y", 4, "00000002"}};
  const auto again = read_fingerprint(fingerprint(files));
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].name, " a b ");
  EXPECT_EQ(again[1].name, "n\\n\\xff");
  EXPECT_EQ(again[1].split, Split::validation);
  EXPECT_EQ(data_difference(files, again), "");
  EXPECT_NE(data_difference({}, again), "");
  EXPECT_NE(data_difference(files, {}), "");
}

// A shard that is open already.
struct OpenShard {
  OpenShard() {
    std::vector<uint16_t> tokens(2000);
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<uint16_t>(i % 50);
    write_tokens(path, tokens);
    write_tokens(folder / "val.bin", std::vector<uint16_t>(tokens.begin(), tokens.begin() + 100));
    DataSpec spec{.kind = "tokens", .path = path, .validation_path = folder / "val.bin"};
    spec.vocab = 50;
    spec.context = 8;
    spec.batch = 4;
    data = make_dataset(spec);
  }
  std::string use() const {
    return error_of([&] {
      for (int64_t step = 0; step < 100; ++step) data->batch(Split::train, step);
    });
  }
  Folder folder;
  std::string path = folder / "shard.bin";
  std::unique_ptr<Dataset> data;
};

TEST(ShardInUse, CutIsOneLine) {
  const OpenShard shard;
  EXPECT_EQ(shard.use(), "");
  ASSERT_EQ(::truncate(shard.path.c_str(), 1500), 0);
  expect_names(shard.use(), {"shard.bin", "cut while it was in use", "5024"});
  ASSERT_EQ(::truncate(shard.path.c_str(), 0), 0);
  expect_names(shard.use(), {"shard.bin", "cut"});
}

// The same file with other bytes; spill would make a new one.
void overwrite(const std::string& path, const std::string& bytes) {
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary) << bytes;
}

TEST(ShardInUse, OverwrittenIsOneLine) {
  const OpenShard shard;
  std::string bytes = slurp(shard.path);
  for (size_t i = 1024; i < bytes.size(); ++i) bytes[i] = '\xee';
  overwrite(shard.path, bytes);
  expect_names(shard.use(), {"shard.bin", "token", "received 61166", "allowed 0..49"});
  for (size_t i = 1024; i < bytes.size(); ++i) bytes[i] = '\0';  // all within the vocabulary
  overwrite(shard.path, bytes);
  expect_names(shard.use(), {"shard.bin", "changed while it was in use", "crc32"});
}

TEST(ShardInUse, TouchedOrReplacedGoesOn) {
  const OpenShard shard;
  fs::last_write_time(shard.path, fs::file_time_type::clock::now() + std::chrono::seconds(5));
  EXPECT_EQ(shard.use(), "");
  spill(shard.folder / "other", "x");
  fs::rename(shard.folder / "other", shard.path);  // the open file is the old one
  EXPECT_EQ(shard.use(), "");
}

TEST(Memory, MoreThanTheMachineHasIsOneLine) {
  OneText one;
  ASSERT_EQ(::truncate((one.folder / "text").c_str(), off_t{1} << 42), 0);
  expect_refused(one.spec, {"text", "received 4398046511104 bytes", "memory"});
}

}  // namespace
}  // namespace steepest::trainer
