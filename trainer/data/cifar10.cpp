// SPDX-License-Identifier: Apache-2.0
// CIFAR-10's binary files: records of a label and 3072 bytes, 10000 of them in each file.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "steepest/io/file_io.h"
#include "trainer/data/files.h"
#include "trainer/data/images.h"

namespace steepest::trainer {
namespace {

// Mean and deviation of the training pictures, as commonly used.
constexpr ImageDataset::Scaling scaling{{.4914f, .4822f, .4465f}, {.2470f, .2435f, .2616f}};

// The name of file number i, 1 to 5, of CIFAR-10's training data.
std::string batch_name(int64_t i) { return "data_batch_" + std::to_string(i) + ".bin"; }

// How many images of `side` x `side` pixels the records hold.
int64_t count_of(const Records& records, int64_t side) {
  return static_cast<int64_t>(records.size()) / record_bytes_of(side);
}

// The records of one file; throws DataError for a cut record or a label above 9. Any whole number
// of records is taken, so that a part of the data can be used.
Records read_records(const std::filesystem::path& path) {
  Records records;
  const auto size = static_cast<int64_t>(append_file(path.string(), records));
  if (size == 0 || size % record_bytes != 0)
    throw DataError(path.string() + ": size, received " + std::to_string(size) +
                    " bytes, allowed a positive multiple of " + std::to_string(record_bytes));
  for (int64_t i = 0; i < size / record_bytes; ++i) {
    const uint8_t label = records[static_cast<size_t>(i * record_bytes)];
    if (label >= image_classes)
      throw DataError(path.string() + ": label of record " + std::to_string(i) + ", received " +
                      std::to_string(label) + ", allowed 0..9");
  }
  return records;
}

// Appends the first `most` records of one file, averaged down to `side` x `side` pixels, to
// `records`. Returns the file's name with size and CRC-32 of what was appended, for files().
DataFile append_records(const std::filesystem::path& path, Split split, int64_t side, int64_t most,
                        Records& records) {
  Records found = read_records(path);
  found.resize(static_cast<size_t>(std::min(most, count_of(found, image_side)) * record_bytes));
  if (side < image_side) found = averaged(found, side);
  records.insert(records.end(), found.begin(), found.end());
  return {.split = split,
          .name = path.filename().string(),
          .path = path.string(),
          .size = found.size(),
          .crc32 = crc32_text(crc32_of(found.data(), found.size()))};
}

// The training records in the folder, the first `limit` of them or all, `side` x `side` pixels
// each, whose files are appended to `files`. Throws DataError where there are fewer.
Records training_records(const std::filesystem::path& folder, int64_t side,
                         std::optional<int64_t> limit, std::vector<DataFile>& files) {
  Records train;
  for (int64_t i = 1; i <= 5; ++i) {
    const int64_t most = limit.value_or(INT64_MAX) - count_of(train, side);
    if (most > 0)
      files.push_back(append_records(folder / batch_name(i), Split::train, side, most, train));
  }
  if (const int64_t count = count_of(train, side); limit && count < *limit)
    throw DataError("data.limit: received " + std::to_string(*limit) + ", allowed 1.." +
                    std::to_string(count) + ", the training images in " + folder.string());
  return train;
}

// Writes the records, as they are, as the whole content of the file; throws DataError where it
// cannot.
void write_records(const std::filesystem::path& path, std::span<const uint8_t> records) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(records.data()),
            static_cast<std::streamsize>(records.size()));
  out.close();
  if (!out) throw DataError(path.string() + ": cannot be written");
}

}  // namespace

// The dataset in the folder spec.path: training from its files data_batch_1.bin to
// data_batch_5.bin, validation from test_batch.bin. Throws DataError for what is missing or
// damaged, and for a limit above what is there.
std::unique_ptr<Dataset> make_cifar10(const DataSpec& spec) {
  const std::filesystem::path folder(spec.path);
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    throw DataError("data.path: received '" + spec.path +
                    "', allowed the folder of CIFAR-10's data_batch_1.bin to test_batch.bin");
  const int64_t side = side_of(spec);
  std::vector<DataFile> files;
  Records train = training_records(folder, side, spec.limit, files), validation;
  files.push_back(
      append_records(folder / "test_batch.bin", Split::validation, side, INT64_MAX, validation));
  const std::vector<std::pair<std::string, int64_t>> counts{
      {"train images", count_of(train, side)}, {"validation images", count_of(validation, side)}};
  return std::make_unique<ImageDataset>(spec, std::move(train), std::move(validation), scaling,
                                        counts, std::move(files));
}

// Writes the six files of CIFAR-10 into the folder, which is made: the training records, a multiple
// of 5, in five files of one size, and those of validation.
void write_cifar10(const std::string& folder, const Records& train, const Records& validation) {
  const int64_t count = static_cast<int64_t>(train.size()) / record_bytes;
  if (count < 5 || count % 5 != 0)
    throw DataError("write_cifar10: received " + std::to_string(count) +
                    " training records, allowed a positive multiple of 5");
  std::filesystem::create_directories(folder);
  const size_t part = train.size() / 5;
  for (size_t i = 0; i < 5; ++i)
    write_records(std::filesystem::path(folder) / batch_name(static_cast<int64_t>(i) + 1),
                  std::span(train).subspan(i * part, part));
  write_records(std::filesystem::path(folder) / "test_batch.bin", validation);
}

}  // namespace steepest::trainer
