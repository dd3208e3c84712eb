// SPDX-License-Identifier: Apache-2.0
// The corpus: read each file once, drop copies, split by file.
#include "trainer/data/text.h"

#include <algorithm>
#include <unordered_map>

#include "steepest/io/file_io.h"
#include "trainer/data/counter.h"
#include "trainer/data/files.h"
#include "trainer/data/windows.h"

namespace steepest::trainer {
namespace {

struct Part {
  std::vector<uint8_t> bytes;
  int64_t files = 0;
};

struct Corpus {
  Part train, validation;
  int64_t duplicates = 0, duplicate_bytes = 0, empty = 0;
  struct Place {
    const Part* part;
    size_t begin, size;
  };
  std::unordered_multimap<uint64_t, Place> seen;  // by content hash
  std::vector<DataFile> files;

  // Appends the file's bytes to the part, lists the file in `files`, and returns those bytes. The
  // result is valid until the part takes another file, which may move them.
  std::span<const uint8_t> read(const FoundFile& found, Split split, Part& part) {
    const size_t begin = part.bytes.size();
    const size_t size = append_file(found.path, part.bytes);
    const uint8_t* bytes = part.bytes.data() + begin;
    files.push_back({split, found.relative, found.path, size, crc32_text(crc32_of(bytes, size))});
    return {bytes, size};
  }

  // Whether a file that was added before, to either split, has the same bytes as `file`, so that it
  // need not be added again; `hash` is hash_bytes of them.
  bool is_copy(uint64_t hash, std::span<const uint8_t> file) const {
    const auto [first, last] = seen.equal_range(hash);
    return std::any_of(first, last, [&](const auto& entry) {
      const Place& place = entry.second;
      const uint8_t* begin = place.part->bytes.data() + place.begin;
      return place.size == file.size() && std::equal(file.begin(), file.end(), begin);
    });
  }

  // Adds a file's bytes, and the byte `separator` behind them, to the split. A file with the bytes
  // of an earlier one, or with none, adds nothing: it is only counted, and listed in `files`.
  void add_file(const FoundFile& found, Split split, uint8_t separator) {
    Part& part = split == Split::train ? train : validation;
    const size_t begin = part.bytes.size();
    const auto file = read(found, split, part);
    const size_t size = file.size();
    const uint64_t hash = hash_bytes(file);
    if (size == 0) {
      ++empty;
    } else if (is_copy(hash, file)) {
      part.bytes.resize(begin);
      ++duplicates;
      duplicate_bytes += static_cast<int64_t>(size);
    } else {
      seen.insert({hash, {&part, begin, size}});
      part.bytes.push_back(separator);
      ++part.files;
    }
  }
};

// Adds each of several files to the corpus, for validation where in_validation says so of its
// relative path, else for training; throws DataError where one of the two gets none.
void read_split_by_file(const DataSpec& spec, const std::vector<FoundFile>& files, Corpus& corpus) {
  const auto separator = static_cast<uint8_t>(spec.separator);
  for (const FoundFile& file : files) {
    const bool validates = in_validation(file.relative, spec.validation_fraction);
    corpus.add_file(file, validates ? Split::validation : Split::train, separator);
  }
  if (corpus.train.files == 0 || corpus.validation.files == 0)
    throw DataError(spec.path + ": received " + std::to_string(files.size()) +
                    " files, none of them fell to " +
                    (corpus.train.files == 0 ? "training" : "validation") +
                    ", allowed another data.validation_fraction or a data.validation_path");
}

// Reads the only file of the data into the corpus: the last spec.validation_fraction of its bytes
// are for validation, the bytes before them for training.
void read_and_cut(const DataSpec& spec, const FoundFile& file, Corpus& corpus) {
  auto& train = corpus.train.bytes;
  corpus.read(file, Split::train, corpus.train);
  const auto kept =
      static_cast<size_t>(static_cast<double>(train.size()) * (1 - spec.validation_fraction));
  corpus.validation.bytes.assign(train.begin() + static_cast<std::ptrdiff_t>(kept), train.end());
  train.resize(kept);
  corpus.train.files = corpus.validation.files = 1;
}

// Reads all files of the spec into the corpus: those of validation_path validate, where it is
// given; else a single file is cut, and several are split by their names.
void read_corpus(const DataSpec& spec, Corpus& corpus) {
  const auto files = find_files(spec.path, spec.extensions);
  if (!spec.validation_path.empty()) {
    const auto separator = static_cast<uint8_t>(spec.separator);
    for (const auto& file : files) corpus.add_file(file, Split::train, separator);
    for (const auto& file : find_files(spec.validation_path, spec.extensions))
      corpus.add_file(file, Split::validation, separator);
  } else if (files.size() == 1) {
    read_and_cut(spec, files[0], corpus);
  } else {
    read_split_by_file(spec, files, corpus);
  }
  corpus.seen.clear();
}

}  // namespace

bool in_validation(const std::string& relative, double fraction) {
  const auto* data = reinterpret_cast<const uint8_t*>(relative.data());
  return unit(scramble(hash_bytes({data, relative.size()}))) < fraction;
}

std::unique_ptr<Dataset> make_text(const DataSpec& spec) {
  if (!(spec.validation_fraction > 0 && spec.validation_fraction < 1))
    throw DataError("data.validation_fraction: received " +
                    std::to_string(spec.validation_fraction) + ", allowed above 0 and below 1");
  if (spec.separator < 0 || spec.separator > 255)
    throw DataError("data.separator: received " + std::to_string(spec.separator) +
                    ", allowed 0..255");
  auto corpus = std::make_shared<Corpus>();
  read_corpus(spec, *corpus);
  const Part &train = corpus->train, &validation = corpus->validation;
  WindowDataset::Source source;
  source.train = {{train.bytes, nullptr}};
  source.validation = {{validation.bytes, nullptr}};
  // Training first, and within a split in the order of reading.
  std::stable_sort(corpus->files.begin(), corpus->files.end(),
                   [](const DataFile& a, const DataFile& b) { return a.split < b.split; });
  source.files = std::move(corpus->files);
  source.classes = 256;
  source.unit = "byte";
  source.name = spec.path;
  source.counts = {{"train files", train.files},
                   {"train bytes", static_cast<int64_t>(train.bytes.size())},
                   {"validation files", validation.files},
                   {"validation bytes", static_cast<int64_t>(validation.bytes.size())},
                   {"duplicate files", corpus->duplicates},
                   {"duplicate bytes", corpus->duplicate_bytes},
                   {"empty files", corpus->empty}};
  source.owner = corpus;
  return std::make_unique<WindowDataset>(spec, std::move(source));
}

}  // namespace steepest::trainer
