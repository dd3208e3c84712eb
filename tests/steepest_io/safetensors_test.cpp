// SPDX-License-Identifier: Apache-2.0
// What is written comes back, bit for bit; what cannot be written is refused.
#include "steepest/io/safetensors.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/support/faults.h"
#include "tests/support/folder.h"

namespace steepest {
namespace {

using test::Folder;

const std::vector<std::pair<at::ScalarType, std::string>> kDtypes = {
    {at::kDouble, "F64"}, {at::kFloat, "F32"}, {at::kHalf, "F16"},  {at::kBFloat16, "BF16"},
    {at::kLong, "I64"},   {at::kInt, "I32"},   {at::kShort, "I16"}, {at::kChar, "I8"},
    {at::kByte, "U8"},    {at::kBool, "BOOL"}};

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes()) return false;
  return a.nbytes() == 0 ||  // memcmp takes no null pointers
         std::memcmp(a.contiguous().const_data_ptr(), b.contiguous().const_data_ptr(),
                     a.nbytes()) == 0;
}

nlohmann::json header_of(const std::string& path) {
  const std::string bytes = test::slurp(path);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  return nlohmann::json::parse(bytes.substr(8, length));
}

TEST(SafeTensors, EveryDtypeAndShapeComesBack) {
  const Folder folder;
  NamedTensors tensors;
  for (const auto& [dtype, name] : kDtypes) {
    for (const auto& shape : std::vector<std::vector<int64_t>>{
             {}, {0}, {1}, {3}, {0, 5}, {2, 3}, {2, 0, 4}, {2, 3, 5}, {1, 1, 1, 7}}) {
      const at::Tensor values = at::arange(c10::multiply_integers(shape), at::kDouble);
      tensors.emplace_back(name + std::to_string(tensors.size()),
                           (values.reshape(shape) - 2).to(dtype));
    }
  }
  write_safetensors(folder / "a", tensors, {{"step", "12"}, {"a", "\"\\\n\xc3\xa9"}});
  const SafeTensors read = read_safetensors(folder / "a");
  ASSERT_EQ(read.tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(read.tensors[i].first, tensors[i].first);
    EXPECT_TRUE(same_bits(read.tensors[i].second, tensors[i].second)) << tensors[i].first;
  }
  EXPECT_EQ(read.metadata, (Metadata{{"step", "12"}, {"a", "\"\\\n\xc3\xa9"}}));
}

TEST(SafeTensors, NonFiniteAndDenormalBitsSurvive) {
  const Folder folder;
  const at::Tensor x =
      at::tensor(std::vector<float>{std::numeric_limits<float>::quiet_NaN(),
                                    std::numeric_limits<float>::infinity(), -0.f, 1e-44f, 3e38f});
  write_safetensors(folder / "a", {{"x", x}});
  EXPECT_TRUE(same_bits(read_safetensors(folder / "a").tensors[0].second, x));
}

TEST(SafeTensors, StridesAndGradientsDoNotMatter) {
  const Folder folder;
  const at::Tensor x = at::arange(24, at::kFloat).reshape({4, 6});
  const at::Tensor leaf = x.clone().set_requires_grad(true);
  const NamedTensors tensors = {{"transposed", x.t()},
                                {"strided", x.slice(1, 1, 6, 2)},
                                {"expanded", x[0].expand({3, 6})},
                                {"leaf", leaf}};
  write_safetensors(folder / "a", tensors);
  const auto read = read_safetensors(folder / "a").tensors;
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_TRUE(same_bits(read[i].second, tensors[i].second.detach())) << tensors[i].first;
    EXPECT_TRUE(read[i].second.is_contiguous());
  }
}

TEST(SafeTensors, EveryTensorIsAligned) {
  const Folder folder;
  NamedTensors tensors;
  for (size_t i = kDtypes.size(); i-- > 0;) {  // narrow ones first, of odd lengths
    tensors.emplace_back(kDtypes[i].second, at::ones({3}, kDtypes[i].first));
  }
  write_safetensors(folder / "a", tensors);
  const auto header = header_of(folder / "a");
  for (const auto& [dtype, name] : kDtypes) {
    const auto begin = header[name]["data_offsets"][0].get<int64_t>();
    EXPECT_EQ(begin % static_cast<int64_t>(c10::elementSize(dtype)), 0) << name;
  }
  uint64_t length = 0;
  std::memcpy(&length, test::slurp(folder / "a").data(), 8);
  EXPECT_EQ(length % 8, 0);
}

TEST(SafeTensors, SameContentSameBytes) {
  const Folder folder;
  const NamedTensors tensors = {{"b", at::ones({2, 2})}, {"a", at::zeros({3}, at::kLong)}};
  write_safetensors(folder / "1", tensors, {{"k", "v"}});
  write_safetensors(folder / "2", tensors, {{"k", "v"}});
  EXPECT_EQ(test::slurp(folder / "1"), test::slurp(folder / "2"));
}

TEST(SafeTensors, EmptyFileOfNoTensors) {
  const Folder folder;
  write_safetensors(folder / "a", {});
  const SafeTensors read = read_safetensors(folder / "a");
  EXPECT_TRUE(read.tensors.empty());
  EXPECT_TRUE(read.metadata.empty());
}

TEST(SafeTensors, FindsByName) {
  const NamedTensors tensors = {{"a", at::ones({1})}, {"b", at::zeros({1})}};
  EXPECT_EQ(find_tensor(tensors, "b"), &tensors[1].second);
  EXPECT_EQ(find_tensor(tensors, "c"), nullptr);
}

struct Refused {
  NamedTensors tensors;
  Metadata metadata;
  std::string reason;
};

TEST(SafeTensors, RefusesWhatItCannotWrite) {
  const Folder folder;
  const at::Tensor x = at::ones({2});
  const std::vector<Refused> cases = {
      {{{"a", x}, {"a", x}}, {}, ": tensor \"a\": given twice"},
      {{{"__metadata__", x}},
       {},
       ": tensor \"__metadata__\": cannot be written: the name is taken"},
      {{{"a", at::Tensor()}}, {}, ": tensor \"a\": cannot be written: undefined"},
      {{{"a", at::ones({2}, at::kComplexFloat)}},
       {},
       ": tensor \"a\": cannot be written: dtype ComplexFloat"},
      {{{"a", at::ones({2, 2}).to_sparse()}},
       {},
       ": tensor \"a\": cannot be written: has no plain memory"},
      {{{"a", at::empty({2}, at::TensorOptions().device(at::kMeta))}},
       {},
       ": tensor \"a\": cannot be written: has no plain memory"},
      {{{"a\xff", x}}, {}, ": a name or a metadata text is not UTF-8"},
      {{{"a", x}}, {{"k", "\xff"}}, ": a name or a metadata text is not UTF-8"},
      {{{"a", x}}, {{"crc32", "0"}}, ": metadata crc32: the name is taken"},
      {{{"a", x}}, {{"header_crc32", "0"}}, ": metadata header_crc32: the name is taken"}};
  for (const auto& refused : cases) {
    write_safetensors(folder / "a", {{"old", x}});
    EXPECT_EQ(
        test::error_of([&] { write_safetensors(folder / "a", refused.tensors, refused.metadata); }),
        folder / "a" + refused.reason);
    EXPECT_EQ(read_safetensors(folder / "a").tensors[0].first, "old");
    EXPECT_EQ(test::names_in(folder.path()).size(), 1);
  }
}

TEST(SafeTensors, EveryFailingOperationLeavesAWholeFile) {
  const Folder folder;
  const NamedTensors old = {{"x", at::zeros({100})}}, now = {{"x", at::ones({100})}};
  write_safetensors(folder / "a", old);
  const int operations = test::operations_of([&] { write_safetensors(folder / "a", old); });
  // Look, open, look; header, data, seek, header, sync, rename; open, look at and sync the folder.
  EXPECT_EQ(operations, 12);
  for (int at = 0; at < operations; ++at) {
    write_safetensors(folder / "a", old);
    std::string message;
    {
      test::FaultAt fault(at, ENOSPC);
      message = test::error_of([&] { write_safetensors(folder / "a", now); });
    }
    EXPECT_TRUE(test::one_line(message)) << at;
    EXPECT_NE(message.find("No space left on device"), std::string::npos) << message;
    const auto read = read_safetensors(folder / "a").tensors;
    EXPECT_TRUE(same_bits(read[0].second, (at < 9 ? old : now)[0].second)) << at;
    EXPECT_EQ(test::names_in(folder.path()).size(), 1) << at;
  }
}

TEST(SafeTensors, DiskFull) {
  const Folder folder;
  const auto child = [&] {
    test::limit_space(folder.path(), 256 << 10);
    write_safetensors(folder / "a", {{"x", at::zeros({100})}});
    const std::string message = test::error_of([&] {
      write_safetensors(folder / "a", {{"x", at::ones({100'000})}});
    });
    return test::one_line(message) && message.find(folder / "a" + ": cannot write: ") == 0 &&
                   read_safetensors(folder / "a").tensors[0].second.numel() == 100 &&
                   test::names_in(folder.path()).size() == 1
               ? 0
               : 1;
  };
  EXPECT_TRUE(test::exited_with(test::in_child(child), 0));
}

}  // namespace
}  // namespace steepest
