// SPDX-License-Identifier: Apache-2.0
// A manifest may be sealed by anybody: only one that says what the trainer would have said counts.
#include "trainer/run/manifest.h"

#include <gtest/gtest.h>

#include "tests/trainer_io/checkpoints.h"
#include "trainer/run/checkpoint.h"

namespace steepest::trainer {
namespace {

using test::checkpoint_of;
using test::Folder;

// The text with its checksum put right, as whoever changes it on purpose would.
std::string sealed(std::string text) {
  const size_t at = std::string("{\n  \"crc32\": \"").size();
  text.replace(at, 8, "00000000");
  return text.replace(at, 8, crc32_text(crc32_of(text.data(), text.size())));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return sealed(text.replace(at, from.size(), to));
}

std::string refusal(const std::string& text) {
  try {
    parse_manifest("m", text);
  } catch (const ForeignCheckpoint& error) {
    return std::string("foreign: ") + error.what();
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "";
}

TEST(Manifest, ResealedOnesAreRefused) {
  const Folder run;
  const std::string folder = save_checkpoint(run.path(), checkpoint_of(7)).folder;
  const std::string text = test::slurp(folder + "/manifest.json");
  ASSERT_EQ(refusal(text), "");
  ASSERT_EQ(sealed(text), text);
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"\"step\": 7", "\"step\": -7"},
      {"\"step\": 7", "\"step\": 7.0"},
      {"\"step\": 7", "\"step\": 7e0"},
      {"\"step\": 7", "\"step\": \"7\""},
      {"\"step\": 7", "\"step\": null"},
      {"\"step\": 7", "\"step\": true"},
      {"\"step\": 7", "\"step\": 9223372036854775807"},
      {"\"step\": 7", "\"step\": 18446744073709551615"},
      {"\"step\": 7", "\"step\": 1e999"},
      {"\"step\": 7", "\"step\": 7,\n  \"step\": 7"},
      {"\"step\": 7", "\"step\": 7,\n  \"more\": 7"},
      {"\"step\": 7,\n", ""},
      {"\"format\": 1", "\"format\": \"1\""},
      {"\"format\": 1", "\"format\": 1.5"},
      {"\"format\": 1,\n", ""},
      {"\"finite\": true", "\"finite\": 1"},
      {"\"finite\": true", "\"finite\": null"},
      {"\"finite\": true", "\"finite\": \"yes\""},
      {"\"0123abcd\"", "123"},
      {"\"0123abcd\"", "[[[[[[]]]]]]"},
      {"\"model.safetensors\"", "\"../model.safetensors\""},
      {"\"model.safetensors\"", "\"/etc/passwd\""},
      {"\"model.safetensors\"", "\"a/b\""},
      {"\"model.safetensors\"", "\"\""},
      {"\"model.safetensors\"", "\".\""},
      {"\"model.safetensors\"", "\"manifest.json\""},
      {"\"model.safetensors\"", "\"optimizer.safetensors\""},
      {"\"model.safetensors\"", "\"model\\u002esafetensors\""},
      {"\"state.safetensors\"", "\"model.safetensors\""},
      {"\"size\": ", "\"size\": -"},
      {"\"size\": ", "\"size\": 0"},
      {"\"files\": {", "\"files\": [], \"other\": {"},
      {"\"files\": {",
       "\"files\": {\n    \"extra.bin\": {\n      \"size\": 0,\n      \"crc32\": "
       "\"00000000\"\n    },"},
      {"}\n", "}"},
      {"}\n", "}}\n"}};
  for (const auto& [from, to] : changes) {
    const std::string message = refusal(replaced(text, from, to));
    EXPECT_EQ(message.find("m: damaged: "), 0) << from << " -> " << to << ": " << message;
    EXPECT_TRUE(test::one_line(message)) << message;
  }
  EXPECT_EQ(refusal(sealed("{\n  \"crc32\": \"00000000" + std::string(200'000, '['))),
            "m: damaged: not a manifest");
}

TEST(Manifest, AllThreeFilesAndNoOther) {
  const Folder run;
  const std::string folder = save_checkpoint(run.path(), checkpoint_of(7)).folder;
  const Manifest whole = verify_folder(folder);
  for (size_t i = 0; i < 3; ++i) {
    Manifest less = whole, more = whole, swapped = whole;
    less.files.erase(less.files.begin() + static_cast<int64_t>(i));
    more.files.push_back({"extra" + std::to_string(i), 0, "00000000"});
    std::swap(swapped.files[i], swapped.files[(i + 1) % 3]);
    for (const Manifest& changed : {less, more, swapped}) {
      EXPECT_NE(refusal(manifest_text(changed)).find(": damaged: "), std::string::npos) << i;
    }
  }
  Manifest none = whole;
  none.files.clear();
  EXPECT_EQ(refusal(manifest_text(none)),
            "m: damaged: files: received none, expected \"model.safetensors\"");
  Manifest far = whole;
  far.step = kMaxSteps + 1;
  EXPECT_EQ(refusal(manifest_text(far)),
            "m: damaged: step: received 9007199254740993, allowed 0 to 9007199254740992");
}

TEST(Manifest, ALongOneIsNotRead) {
  const Folder run;
  const std::string folder = save_checkpoint(run.path(), checkpoint_of(7)).folder;
  std::filesystem::resize_file(folder + "/manifest.json", uint64_t{1} << 40);
  EXPECT_EQ(test::error_of([&] { verify_folder(folder); }),
            folder + "/manifest.json: received 1099511627776 bytes, allowed at most 65536");
}

TEST(Manifest, SaysWhetherTheCheckpointIsFinite) {
  Manifest manifest{.step = 3, .config_hash = "0123abcd"};
  for (const char* part : kParts) manifest.files.push_back({part, 12, "cbf43926"});
  EXPECT_FALSE(parse_manifest("m", manifest_text(manifest)).finite);  // as the first versions
  for (const bool finite : {true, false}) {
    manifest.finite = finite;
    EXPECT_EQ(parse_manifest("m", manifest_text(manifest)).finite, finite);
  }
}

}  // namespace
}  // namespace steepest::trainer
