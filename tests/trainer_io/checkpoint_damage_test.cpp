// SPDX-License-Identifier: Apache-2.0
// Every flipped bit, every cut, every missing file of a checkpoint is found.
#include <gtest/gtest.h>

#include <random>

#include "tests/trainer_io/checkpoints.h"
#include "trainer/run/checkpoint.h"

namespace steepest::trainer {
namespace {

using test::checkpoint_of;
using test::Folder;

const std::vector<std::string> kFiles = {"manifest.json", "model.safetensors",
                                         "optimizer.safetensors", "state.safetensors"};

// The damage is found, in one line that names the damaged file.
bool found(const std::string& folder, const std::string& file) {
  const std::string message = test::error_of([&] { verify_folder(folder); });
  return test::one_line(message) && message.find(folder + "/" + file + ": ") == 0;
}

TEST(CheckpointDamage, EveryBitOfEveryFile) {
  const Folder run;
  const std::string folder = save_checkpoint(run.path(), checkpoint_of(1)).folder;
  for (const auto& file : kFiles) {
    const std::string path = folder + "/" + file;
    size_t missed = 0;
    for (size_t at = 0; at < std::filesystem::file_size(path); ++at) {
      for (const int change : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
        test::flip_byte(path, at, change);
        missed += !found(folder, file);
        test::flip_byte(path, at, change);
      }
    }
    EXPECT_EQ(missed, 0) << file;
  }
  EXPECT_NO_THROW(load_checkpoint(folder));
}

TEST(CheckpointDamage, EveryValueOfEveryByteOfTheManifest) {
  const Folder run;
  const std::string folder = save_checkpoint(run.path(), checkpoint_of(1)).folder;
  const std::string text = test::slurp(folder + "/manifest.json");
  size_t missed = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      missed += test::error_of([&] { parse_manifest("m", damaged); }).empty();
    }
  }
  EXPECT_EQ(missed, 0);
  EXPECT_NO_THROW(parse_manifest("m", text));
}

TEST(CheckpointDamage, EveryTruncationAndAnExtension) {
  const Folder run;
  const std::string folder = save_checkpoint(run.path(), checkpoint_of(1)).folder;
  for (const auto& file : kFiles) {
    const std::string path = folder + "/" + file;
    const std::string whole = test::slurp(path);
    for (size_t length = whole.size(); length-- > 0;) {
      std::filesystem::resize_file(path, length);
      EXPECT_TRUE(found(folder, file)) << file << " cut to " << length;
    }
    test::spill(path, whole + '\n');
    EXPECT_TRUE(found(folder, file)) << file;
    test::spill(path, whole);
  }
  EXPECT_NO_THROW(load_checkpoint(folder));
}

TEST(CheckpointDamage, MissingOrNotAFile) {
  const Folder run;
  const std::string folder = save_checkpoint(run.path(), checkpoint_of(1)).folder;
  for (const auto& file : kFiles) {
    const std::string path = folder + "/" + file;
    const std::string whole = test::slurp(path);
    std::filesystem::remove(path);
    EXPECT_TRUE(found(folder, file)) << file;
    std::filesystem::create_directory(path);
    EXPECT_TRUE(found(folder, file)) << file;
    std::filesystem::remove(path);
    test::spill(path, whole);
  }
  EXPECT_NO_THROW(load_checkpoint(folder));
}

TEST(CheckpointDamage, FilesOfAnotherCheckpoint) {
  const Folder run;
  const std::string one = save_checkpoint(run.path(), checkpoint_of(1)).folder;
  const std::string two = save_checkpoint(run.path(), checkpoint_of(2)).folder;
  for (const auto& file : kFiles) {
    if (file == "manifest.json") continue;
    const std::string whole = test::slurp(two + "/" + file);
    test::spill(two + "/" + file, test::slurp(one + "/" + file));
    EXPECT_TRUE(found(two, file)) << file;
    test::spill(two + "/" + file, whole);
  }
}

// Bytes that could not be had are no damage: not a CheckpointError.
TEST(CheckpointDamage, ReadErrors) {
  const Folder run;
  const std::string folder = save_checkpoint(run.path(), checkpoint_of(1)).folder;
  const int operations = test::operations_of([&] { load_checkpoint(folder); });
  for (int at = 0; at < operations; ++at) {
    test::FaultAt fault(at, EIO);
    EXPECT_THROW(load_checkpoint(folder), FileError) << at;
  }
}

TEST(CheckpointDamage, AThousandFlipsOfALargeOne) {
  const Folder run;
  const std::string folder = save_checkpoint(run.path(), checkpoint_of(1, 20'000)).folder;
  std::mt19937_64 random(2);
  size_t detected = 0;
  for (int round = 0; round < 1000; ++round) {
    const std::string path = folder + "/" + kFiles[1 + random() % 2];
    const size_t at = random() % std::filesystem::file_size(path);
    const int change = 1 << random() % 8;
    test::flip_byte(path, at, change);
    detected += !test::error_of([&] { verify_folder(folder); }).empty();
    test::flip_byte(path, at, change);
  }
  EXPECT_EQ(detected, 1000);
  EXPECT_NO_THROW(load_checkpoint(folder));
}

}  // namespace
}  // namespace steepest::trainer
