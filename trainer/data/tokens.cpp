// SPDX-License-Identifier: Apache-2.0
// Reading, checking and writing llm.c token shards.
#include "trainer/data/tokens.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include "trainer/data/files.h"
#include "trainer/data/windows.h"

namespace steepest::trainer {
namespace {

constexpr int32_t magic = 20240520, version = 1;
using Header = std::array<int32_t, 256>;

void check(const std::string& path, const char* what, int64_t received, int64_t allowed) {
  if (received != allowed)
    throw DataError(path + ": " + what + ", received " + std::to_string(received) + ", allowed " +
                    std::to_string(allowed));
}

std::span<const uint8_t> tokens_of(const MappedFile& file) {
  Header header;
  const auto bytes = file.bytes();
  if (bytes.size() < sizeof(header))
    throw DataError(file.path() + ": shorter than its header, received " +
                    std::to_string(bytes.size()) + " bytes, allowed 1024 or more");
  std::memcpy(header.data(), bytes.data(), sizeof(header));
  check(file.path(), "wrong magic number", header[0], magic);
  check(file.path(), "unknown version", header[1], version);
  const auto tokens = bytes.subspan(sizeof(header));
  if (header[2] < 1)
    throw DataError(file.path() + ": token count in the header, received " +
                    std::to_string(header[2]) + ", allowed 1 or more");
  check(file.path(), "bytes after the header against its token count",
        static_cast<int64_t>(tokens.size()), int64_t{header[2]} * 2);
  return tokens;
}

void check_tokens(const MappedFile& file, std::span<const uint8_t> memory, int64_t vocab) {
  const std::span tokens(reinterpret_cast<const uint16_t*>(memory.data()), memory.size() / 2);
  // The maximum first: that loop is vectorised.
  uint16_t largest = 0;
  for (const uint16_t token : tokens) largest = std::max(largest, token);
  if (largest < vocab) return;
  const auto bad = std::find_if(tokens.begin(), tokens.end(), [&](auto t) { return t >= vocab; });
  throw DataError(file.path() + ": token " + std::to_string(bad - tokens.begin()) +
                  " is beyond the vocabulary, received " + std::to_string(*bad) + ", allowed 0.." +
                  std::to_string(vocab - 1));
}

struct Shards {
  std::vector<MappedFile> files;
};

std::vector<Run> open_all(const std::string& path, int64_t vocab, Shards& shards) {
  std::vector<Run> runs;
  for (const FoundFile& found : find_files(path, {".bin"})) {
    shards.files.emplace_back(found.path);
    const auto tokens = tokens_of(shards.files.back());
    check_tokens(shards.files.back(), tokens, vocab);
    runs.push_back({tokens, 2});
  }
  return runs;
}

int64_t total(const std::vector<Run>& runs) {
  int64_t count = 0;
  for (const Run& run : runs) count += run.count();
  return count;
}

}  // namespace

std::unique_ptr<Dataset> make_tokens(const DataSpec& spec) {
  if (spec.vocab < 1)
    throw DataError("model.vocab: received " + std::to_string(spec.vocab) + ", allowed 1 or more");
  if (spec.validation_path.empty())
    throw DataError("data.validation_path: received nothing, allowed a shard or a glob of shards");
  auto shards = std::make_shared<Shards>();
  WindowDataset::Source source;
  source.train = open_all(spec.path, spec.vocab, *shards);
  source.validation = open_all(spec.validation_path, spec.vocab, *shards);
  source.owner = shards;
  source.classes = spec.vocab;
  source.unit = "token";
  source.name = spec.path;
  source.counts = {{"train shards", static_cast<int64_t>(source.train.size())},
                   {"train tokens", total(source.train)},
                   {"validation shards", static_cast<int64_t>(source.validation.size())},
                   {"validation tokens", total(source.validation)}};
  return std::make_unique<WindowDataset>(spec, std::move(source));
}

void write_tokens(const std::string& path, std::span<const uint16_t> tokens) {
  Header header{magic, version, static_cast<int32_t>(tokens.size())};
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(header.data()), sizeof(header));
  out.write(reinterpret_cast<const char*>(tokens.data()),
            static_cast<std::streamsize>(tokens.size() * 2));
  out.close();
  if (!out) throw DataError(path + ": cannot be written");
}

}  // namespace steepest::trainer
