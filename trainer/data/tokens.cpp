// SPDX-License-Identifier: Apache-2.0
// Reading, checking and writing llm.c token shards.
#include "trainer/data/tokens.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <fstream>

#include "steepest/io/file_io.h"
#include "trainer/data/files.h"
#include "trainer/data/windows.h"

namespace steepest::trainer {
namespace {

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

constexpr int32_t magic = 20240520, version = 1;
using Header = std::array<int32_t, 256>;

// Throws DataError, saying what differs, unless both numbers are equal.
void check_equal(const std::string& path, const char* what, int64_t received, int64_t allowed) {
  if (received != allowed)
    throw DataError(path + ": " + what + ", received " + std::to_string(received) + ", allowed " +
                    std::to_string(allowed));
}

// The header of a shard, whose third number is the count of tokens; throws DataError unless it is
// llm.c's and fits the file's size.
Header read_header(const PieceFile& file) {
  Header header;
  if (file.size() < sizeof(header))
    throw DataError(file.path() + ": shorter than its header, received " +
                    std::to_string(file.size()) + " bytes, allowed 1024 or more");
  file.read(0, {reinterpret_cast<uint8_t*>(header.data()), sizeof(header)});
  check_equal(file.path(), "wrong magic number", header[0], magic);
  check_equal(file.path(), "unknown version", header[1], version);
  if (header[2] < 1)
    throw DataError(file.path() + ": token count in the header, received " +
                    std::to_string(header[2]) + ", allowed 1 or more");
  check_equal(file.path(), "bytes after the header against its token count",
              static_cast<int64_t>(file.size() - sizeof(header)), int64_t{header[2]} * 2);
  return header;
}

// A shard in its file. All of it is read once at the start, and checked; later pieces are compared
// with what was then there.
class Shard : public TokenSource {
 public:
  // Opens the shard and reads it through; throws DataError where its header or a token is wrong.
  Shard(const std::string& path, int64_t vocab)
      : file_(path), vocab_(vocab), count_(read_header(file_)[2]), stamp_(file_.stamp()) {
    crc_ = scan();
  }

  // The number of tokens.
  int64_t count() const override { return count_; }
  // The path of the shard's file.
  const std::string& path() const { return file_.path(); }
  // The size of the file with its header, in bytes.
  uint64_t size() const { return file_.size(); }
  // The CRC-32 of the whole file, as text.
  std::string crc32() const { return crc32_text(crc_); }

  // Copies tokens [first, first + out.size()) to `out`; throws DataError where the file has
  // changed.
  void read(int64_t first, std::span<int64_t> out) const override {
    std::vector<uint16_t> tokens(out.size());
    read_tokens(first, tokens);
    std::copy(tokens.begin(), tokens.end(), out.begin());
    require_unchanged();
  }

 private:
  // Fills `tokens` with tokens [first, first + tokens.size()) of the shard; throws DataError for
  // the first that is beyond the vocabulary.
  void read_tokens(int64_t first, std::span<uint16_t> tokens) const {
    file_.read(sizeof(Header) + static_cast<uint64_t>(first) * 2,
               {reinterpret_cast<uint8_t*>(tokens.data()), tokens.size_bytes()});
    // The maximum first: that loop is vectorised.
    uint16_t largest = 0;
    for (const uint16_t token : tokens) largest = std::max(largest, token);
    if (largest < vocab_) return;
    const auto bad =
        std::find_if(tokens.begin(), tokens.end(), [&](auto t) { return t >= vocab_; });
    throw DataError(file_.path() + ": token " + std::to_string(first + (bad - tokens.begin())) +
                    " is beyond the vocabulary, received " + std::to_string(*bad) +
                    ", allowed 0.." + std::to_string(vocab_ - 1));
  }

  // Reads the whole shard and returns its CRC-32; throws DataError for the first token beyond the
  // vocabulary.
  uint32_t scan() const {
    Header header;
    file_.read(0, {reinterpret_cast<uint8_t*>(header.data()), sizeof(header)});
    uint32_t crc = crc32_of(header.data(), sizeof(header));
    std::vector<uint16_t> piece(size_t{1} << 19);  // 1 MiB
    for (int64_t first = 0; first < count_; first += static_cast<int64_t>(piece.size())) {
      piece.resize(std::min(piece.size(), static_cast<size_t>(count_ - first)));
      read_tokens(first, piece);
      crc = crc32_of(piece.data(), piece.size() * 2, crc);
    }
    return crc;
  }

  // Throws DataError where the shard's content is not what it was when it was opened. Where only
  // its time stamps are other ones, it is read again, and the new stamp is kept.
  void require_unchanged() const {
    const uint64_t now = file_.stamp();
    if (now == stamp_) return;
    const uint32_t crc = scan();
    if (crc != crc_)
      throw DataError(file_.path() + ": was changed while it was in use: received crc32 " +
                      crc32_text(crc) + ", expected " + crc32_text(crc_));
    stamp_ = now;
  }

  PieceFile file_;
  int64_t vocab_, count_;
  mutable std::atomic<uint64_t> stamp_;
  uint32_t crc_ = 0;
};

// Opens and checks every shard that `path` names (a file, a glob, or a folder's .bin files) and
// returns a Run for each: tokens that follow each other. Appends the name, size and CRC-32 of each
// to `files`, as a file of this split.
std::vector<Run> open_shards(const std::string& path, int64_t vocab, Split split,
                             std::vector<DataFile>& files) {
  std::vector<Run> runs;
  for (const FoundFile& found : find_files(path, {".bin"})) {
    const auto shard = std::make_shared<Shard>(found.path, vocab);
    files.push_back({split, found.relative, found.path, shard->size(), shard->crc32()});
    runs.push_back({{}, shard});
  }
  return runs;
}

// The number of tokens of all runs (here: shards) together.
int64_t total_tokens(const std::vector<Run>& runs) {
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
  WindowDataset::Source source;
  source.train = open_shards(spec.path, spec.vocab, Split::train, source.files);
  source.validation =
      open_shards(spec.validation_path, spec.vocab, Split::validation, source.files);
  source.classes = spec.vocab;
  source.unit = "token";
  source.name = spec.path;
  source.counts = {{"train shards", static_cast<int64_t>(source.train.size())},
                   {"train tokens", total_tokens(source.train)},
                   {"validation shards", static_cast<int64_t>(source.validation.size())},
                   {"validation tokens", total_tokens(source.validation)}};
  if (spec.hellaswag) {
    source.questions = read_questions(*spec.hellaswag, spec.vocab, spec.context);
    source.files.push_back(question_file(*spec.hellaswag));
    source.counts.emplace_back("questions", static_cast<int64_t>(source.questions.size()));
  }
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
