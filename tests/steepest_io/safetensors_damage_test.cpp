// SPDX-License-Identifier: Apache-2.0
// Nothing that a file says is believed: lies, damage, truncation, and files of other programs.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "steepest/io/safetensors.h"
#include "tests/support/faults.h"
#include "tests/support/folder.h"

namespace steepest {
namespace {

using test::Folder;

// A file as another program would write it: no checksums.
std::string foreign(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

std::string error_for(const Folder& folder, const std::string& bytes) {
  test::spill(folder / "a", bytes);
  const std::string message = test::error_of([&] { read_safetensors(folder / "a"); });
  if (!message.empty()) {
    EXPECT_TRUE(test::one_line(message)) << message;
    EXPECT_EQ(message.find(folder / "a" + ": "), 0) << message;
  }
  return message;
}

TEST(ForeignSafeTensors, AnyOrderOfTheData) {
  const Folder folder;
  test::spill(folder / "a", foreign(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]},)"
                                    R"("__metadata__":{"format":"pt"},)"
                                    R"("a":{"data_offsets":[0,3],"shape":[3,1],"dtype":"I8"}}   )",
                                    "\x01\x02\x03\x04\x05"));
  const SafeTensors read = read_safetensors(folder / "a");
  ASSERT_EQ(read.tensors.size(), 2);
  EXPECT_EQ(read.tensors[0].first, "b");
  EXPECT_TRUE(read.tensors[0].second.equal(at::tensor({4, 5}, at::kByte)));
  EXPECT_TRUE(read.tensors[1].second.equal(at::tensor({1, 2, 3}, at::kChar).reshape({3, 1})));
  EXPECT_EQ(read.metadata, (Metadata{{"format", "pt"}}));
}

TEST(ForeignSafeTensors, UnalignedData) {
  const Folder folder;
  test::spill(folder / "a", foreign(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                    R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                                    std::string("\x01\x00\x00\x80\x3f", 5)));
  EXPECT_EQ(read_safetensors(folder / "a").tensors[1].second.item<float>(), 1.f);
}

struct Lie {
  std::string header, data, reason;
};

TEST(ForeignSafeTensors, Lies) {
  const Folder folder;
  const auto entry = [](const std::string& dtype, const std::string& shape,
                        const std::string& offsets) {
    return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
           offsets + "}}";
  };
  const std::string two =
      R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],)";
  const std::vector<Lie> lies = {
      {"", "", "header: does not begin with '{'"},
      {" {}", "", "header: does not begin with '{'"},
      {"[]", "", "header: does not begin with '{'"},
      {"{", "", "header: not JSON at byte 10"},
      {"{}}", "", "header: not JSON at byte 11"},
      {"{\"a\xff\":1}", "", "header: not JSON at byte 12"},
      {R"({"a":1})", "", R"(tensor "a": must have exactly dtype, shape and data_offsets)"},
      {R"({"a":{}})", "", R"(tensor "a": must have exactly dtype, shape and data_offsets)"},
      {R"({"a":{"b":{"c":{"d":1}}}})", "", "header: nested too deeply"},
      {R"({"a":1,"a":2})", "", R"(header: "a" occurs twice)"},
      {R"({"a":{"dtype":"U8","dtype":"I8","shape":[],"data_offsets":[0,1]}})", "x",
       R"(header: "dtype" occurs twice)"},
      {R"({"a":6e66666666})", "", "header: a number out of range at byte 23"},
      {R"({"__metadata__":1})", "", "__metadata__: must map names to texts"},
      {R"({"__metadata__":{"a":1}})", "", R"(__metadata__: "a" is not a text)"},
      {entry("F8_E4M3", "[1]", "[0,1]"), "x",
       R"(tensor "a": dtype: received "F8_E4M3", allowed F64, F32, F16, BF16, I64, I32, I16, I8, )"
       "U8, BOOL"},
      {R"({"a":{"dtype":1,"shape":[1],"data_offsets":[0,1]}})", "x",
       R"(tensor "a": dtype must be a name)"},
      {entry("U8", "1", "[0,1]"), "x", R"(tensor "a": shape must be a list of at most 64 sizes)"},
      {entry("U8", "[-1]", "[0,1]"), "x",
       R"(tensor "a": shape [-1] has a size that is not a number from 0 to 2^63 - 1)"},
      {entry("U8", "[1.0]", "[0,1]"), "x",
       R"(tensor "a": shape [1.0] has a size that is not a number from 0 to 2^63 - 1)"},
      {entry("U8", "[9223372036854775808]", "[0,1]"), "x",
       R"(tensor "a": shape [9223372036854775808] has a size that is not a number from 0 to )"
       "2^63 - 1"},
      {entry("F64", "[4294967296,4294967296]", "[0,0]"), "",
       R"(tensor "a": shape has more than 2^63 - 1 bytes)"},
      {entry("U8", "[0,4294967296,4294967296]", "[0,0]"), "",
       R"(tensor "a": shape has more than 2^63 - 1 bytes)"},
      {entry("U8", "[1]", "[0]"), "x", R"(tensor "a": data_offsets must be two numbers from 0)"},
      {entry("U8", "[1]", "[-1,0]"), "x", R"(tensor "a": data_offsets must be two numbers from 0)"},
      {entry("U8", "[1]", "[1,0]"), "x",
       R"(tensor "a": data_offsets [1,0] are not within the 1 bytes of data)"},
      {entry("U8", "[2]", "[0,2]"), "x",
       R"(tensor "a": data_offsets [0,2] are not within the 1 bytes of data)"},
      {entry("U8", "[1]", "[0,18446744073709551615]"), "x",
       R"(tensor "a": data_offsets [0,18446744073709551615] are not within the 1 bytes of data)"},
      {entry("F32", "[1]", "[0,3]"), "xyz",
       R"(tensor "a": data_offsets [0,3] hold 3 bytes, shape and dtype 4)"},
      {entry("U8", "[1]", "[0,1]"), "xy", "data: 2 bytes, of which the tensors cover 1"},
      {entry("U8", "[1]", "[1,2]"), "xy", R"(tensor "a": leaves a hole before byte 1 of the data)"},
      {two + R"("data_offsets":[1,3]}})", "xyz",
       R"(tensor "b": overlaps another at byte 1 of the data)"},
      {two + R"("data_offsets":[3,5]}})", "vwxyz",
       R"(tensor "b": leaves a hole before byte 3 of the data)"},
      {entry("BOOL", "[3]", "[0,3]"), std::string("\x01\x00\x02", 3),
       R"(tensor "a": byte 2 is 2, not a BOOL)"},
      {R"({"a\n":1})", "", R"(tensor "a\n": must have exactly dtype, shape and data_offsets)"}};
  for (const auto& lie : lies) {
    EXPECT_EQ(error_for(folder, foreign(lie.header, lie.data)), folder / "a" + ": " + lie.reason)
        << lie.header;
  }
}

TEST(ForeignSafeTensors, HeaderLongerThanTheFile) {
  const Folder folder;
  EXPECT_EQ(error_for(folder, "short"), folder / "a" + ": too short: 5 bytes, at least 8 expected");
  for (const uint64_t length : {uint64_t{3}, uint64_t{100'000'001}, UINT64_MAX}) {
    const std::string bytes = std::string(reinterpret_cast<const char*>(&length), 8) + "{}";
    EXPECT_EQ(error_for(folder, bytes),
              folder / "a" + ": header of " + std::to_string(length) +
                  " bytes at offset 8 of 10 bytes: truncated, or not a safetensors file");
  }
}

TEST(ForeignSafeTensors, DeepNestsEndQuickly) {
  const Folder folder;
  EXPECT_EQ(error_for(folder, foreign("{\"a\":" + std::string(5'000'000, '['), "")),
            folder / "a" + ": header: nested too deeply");
}

TEST(ForeignSafeTensors, ChecksumsThatAreNotOursAreNotBelieved) {
  const Folder folder;
  const std::string reason =
      folder / "a" +
      ": header: its checksum does not match: damaged, or rewritten by a program that "
      "kept the metadata crc32 and header_crc32";
  for (const std::string keys : {R"("crc32":"00000000")", R"("header_crc32":"00000000")",
                                 R"("crc32":"00000000","header_crc32":"00000000")"}) {
    EXPECT_EQ(error_for(folder, foreign(R"({"__metadata__":{)" + keys + "}}", "")), reason);
  }
}

std::string small_file(const Folder& folder) {
  write_safetensors(folder / "small",
                    {{"w", at::tensor({1.5f, -2.f})}, {"b", at::tensor({1, 0, 1}).to(at::kBool)}},
                    {{"step", "3"}});
  return test::slurp(folder / "small");
}

TEST(OurSafeTensors, EveryChangeOfEveryByteIsFound) {
  const Folder folder;
  const std::string whole = small_file(folder);
  EXPECT_EQ(error_for(folder, whole), "");
  int found = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      test::flip_byte(folder / "small", at, change);
      found += !test::error_of([&] { read_safetensors(folder / "small"); }).empty();
      test::flip_byte(folder / "small", at, change);
    }
  }
  EXPECT_EQ(found, 255 * static_cast<int>(whole.size()));
}

TEST(OurSafeTensors, EveryTruncationAndExtensionIsFound) {
  const Folder folder;
  const std::string whole = small_file(folder);
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(error_for(folder, whole.substr(0, length)), "") << length;
  }
  for (const size_t extra : {1, 8, 4096}) {
    EXPECT_NE(error_for(folder, whole + std::string(extra, '\0')), "") << extra;
  }
}

// Random edits of a header: refused in one line or read, never a crash or an endless loop.
TEST(OurSafeTensors, RandomEdits) {
  const Folder folder;
  std::string whole = small_file(folder);
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (int edit = 0; edit < 1 + static_cast<int>(random() % 4); ++edit) {
      const size_t at = 8 + random() % (bytes.size() - 8);
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 8);
          break;
        default:
          bytes.insert(at, bytes.substr(8 + random() % 64, random() % 16));
      }
      if (bytes.size() < 64) bytes = whole;
    }
    const uint64_t length = bytes.size() - 16 < 11 ? 0 : bytes.size() - 11;
    std::memcpy(bytes.data(), &length, 8);
    refused += !error_for(folder, bytes).empty();
  }
  EXPECT_GT(refused, 18'000);
}

}  // namespace
}  // namespace steepest
