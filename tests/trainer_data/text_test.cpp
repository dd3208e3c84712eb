// SPDX-License-Identifier: Apache-2.0
// From files to two runs of bytes.
#include "trainer/data/text.h"

#include <filesystem>
#include <map>

#include "tests/trainer_data/data.h"

namespace steepest::trainer {
namespace {

using namespace test;
using Files = std::map<std::string, std::string>;

// Forty files of 100 bytes in nested folders.
Files forty() {
  Files files;
  for (int i = 0; i < 40; ++i) {
    const std::string number = std::to_string(i);
    files["part" + std::to_string(i % 3) + "/file" + number + ".py"] =
        number + text_of(98, static_cast<uint64_t>(i));
  }
  return files;
}

void write(const std::string& root, const Files& files, bool backwards = false) {
  std::vector<std::string> names;
  for (const auto& [name, content] : files) names.push_back(name);
  if (backwards) std::reverse(names.begin(), names.end());
  for (const auto& name : names) {
    const std::filesystem::path path = std::filesystem::path(root) / name;
    std::filesystem::create_directories(path.parent_path());
    spill(path.string(), files.at(name));
  }
}

DataSpec spec_of(const std::string& path) {
  DataSpec spec;
  spec.path = path;
  spec.extensions = {".py"};
  spec.validation_fraction = 0.3;
  spec.context = 16;
  spec.batch = 2;
  return spec;
}

std::string bytes(const DataSpec& spec, Split split) {
  return string_of(make_dataset(spec)->bytes(split));
}

// What the split should be, from the files themselves.
std::string expected(const Files& files, bool validation, char separator = '\0') {
  std::string text;
  for (const auto& [name, content] : files)
    if (in_validation(name, 0.3) == validation) text += content + separator;
  return text;
}

TEST(Text, TakesBytesAsTheyAre) {
  const Folder folder;
  const std::string odd = "\xEF\xBB\xBFline\r\n" + std::string(3, '\0') + "\xC3\x28\xFF\xFE no end";
  spill(folder / "t", odd + odd + odd + odd);
  DataSpec spec;
  spec.path = folder / "t";
  spec.validation_fraction = 0.5;
  spec.context = 4;
  spec.batch = 1;
  EXPECT_EQ(bytes(spec, Split::train), odd + odd);
  EXPECT_EQ(bytes(spec, Split::validation), odd + odd);
}

TEST(Text, FolderIsReadInOrderOfPathsAndSplitByFile) {
  const Folder folder;
  write(folder.path(), forty());
  spill(folder / "notes.txt", "of another extension");
  const auto data = make_dataset(spec_of(folder.path()));
  EXPECT_EQ(string_of(data->bytes(Split::train)), expected(forty(), false));
  EXPECT_EQ(string_of(data->bytes(Split::validation)), expected(forty(), true));
  EXPECT_EQ(count_of(*data, "train files") + count_of(*data, "validation files"), 40);
  EXPECT_GT(count_of(*data, "validation files"), 5);
  EXPECT_LT(count_of(*data, "validation files"), 20);
  EXPECT_EQ(count_of(*data, "train bytes"), static_cast<int64_t>(expected(forty(), false).size()));
}

TEST(Text, SplitDependsNeitherOnTheRootNorOnOtherFiles) {
  const Folder a, b;
  write(a.path(), forty());
  Files more = forty();
  more["part1/another.py"] = text_of(50, 99);
  write(b.path(), more, /*backwards=*/true);
  EXPECT_EQ(bytes(spec_of(b.path()), Split::train), expected(more, false));
  EXPECT_EQ(bytes(spec_of(b.path()), Split::validation), expected(more, true));
  EXPECT_EQ(bytes(spec_of(a.path() + "/"), Split::train), bytes(spec_of(a.path()), Split::train));
}

// Validation must stay validation in later versions too. The letters were computed in Python.
TEST(Text, SplitStaysAsItIs) {
  std::string split;
  for (int i = 0; i < 24; ++i)
    split += in_validation("src/file" + std::to_string(i) + ".py", 0.3) ? 'v' : 't';
  EXPECT_EQ(split, "tttttttttttttttttttvvttv");
}

TEST(Text, CopiesAreLeftOutAndReported) {
  const Folder folder;
  Files files = forty();
  write(folder.path(), files);
  // Copies in a folder that comes last: the originals stay where they are, on either side.
  for (int i = 0; i < 40; ++i) {
    const std::string number = std::to_string(i);
    files["z/copy" + number + ".py"] =
        files.at("part" + std::to_string(i % 3) + "/file" + number + ".py");
  }
  write(folder.path(), files);
  spill(folder / "z/empty.py", "");
  const auto data = make_dataset(spec_of(folder.path()));
  EXPECT_EQ(string_of(data->bytes(Split::train)), expected(forty(), false));
  EXPECT_EQ(string_of(data->bytes(Split::validation)), expected(forty(), true));
  EXPECT_EQ(count_of(*data, "duplicate files"), 40);
  EXPECT_EQ(
      count_of(*data, "duplicate bytes"),
      static_cast<int64_t>(expected(forty(), false).size() + expected(forty(), true).size() - 40));
  EXPECT_EQ(count_of(*data, "empty files"), 1);
  EXPECT_NE(data->describe().find("duplicate files 40"), std::string::npos);
}

TEST(Text, SeparatorIsAChoice) {
  const Folder folder;
  write(folder.path(), forty());
  DataSpec spec = spec_of(folder.path());
  spec.separator = '\n';
  EXPECT_EQ(bytes(spec, Split::train), expected(forty(), false, '\n'));
  EXPECT_EQ(bytes(spec, Split::validation), expected(forty(), true, '\n'));
}

TEST(Text, GlobAndSeparateValidation) {
  const Folder folder;
  write(folder.path(), forty());
  DataSpec spec = spec_of(folder / "part[01]/*1?.py");
  spec.validation_path = folder / "part2";
  Files matched, rest;
  for (const auto& [name, content] : forty()) {
    const std::string number = name.substr(10, name.size() - 13);
    if (name[4] == '2') rest[name] = content;
    if (name[4] != '2' && number.size() == 2 && number[0] == '1') matched[name] = content;
  }
  std::string train, validation;
  for (const auto& [name, content] : matched) train += content + '\0';
  for (const auto& [name, content] : rest) validation += content + '\0';
  EXPECT_EQ(bytes(spec, Split::train), train);
  EXPECT_EQ(bytes(spec, Split::validation), validation);
}

TEST(Text, IsOfBytesAndLarge) {
  const Folder folder;
  spill(folder / "sparse", "x");
  std::filesystem::resize_file(folder / "sparse", int64_t{40} << 20);
  DataSpec spec;
  spec.path = folder / "sparse";
  const auto data = make_dataset(spec);
  EXPECT_EQ(data->bytes(Split::train).size() + data->bytes(Split::validation).size(),
            size_t{40} << 20);
  EXPECT_EQ(data->classes(), 256);
  EXPECT_EQ(data->unit(), "byte");
}

}  // namespace
}  // namespace steepest::trainer
