// SPDX-License-Identifier: Apache-2.0
// CIFAR-10's binary files: records of a label and 3072 bytes, 10000 of them in each file.
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

// Appends the records of one file to `records` and returns the file's name, size and CRC-32, for
// files(). Throws DataError for a cut record or a label above 9. Any whole number of records is
// taken, so that a part of the data can be used.
DataFile append_records(const std::filesystem::path& path, Split split, Records& records) {
  const size_t begin = records.size();
  const auto size = static_cast<int64_t>(append_file(path.string(), records));
  if (size == 0 || size % record_bytes != 0)
    throw DataError(path.string() + ": size, received " + std::to_string(size) +
                    " bytes, allowed a positive multiple of " + std::to_string(record_bytes));
  for (int64_t i = 0; i < size / record_bytes; ++i) {
    const uint8_t label = records[begin + static_cast<size_t>(i * record_bytes)];
    if (label >= image_classes)
      throw DataError(path.string() + ": label of record " + std::to_string(i) + ", received " +
                      std::to_string(label) + ", allowed 0..9");
  }
  return {.split = split,
          .name = path.filename().string(),
          .path = path.string(),
          .size = static_cast<uint64_t>(size),
          .crc32 = crc32_text(crc32_of(records.data() + begin, static_cast<size_t>(size)))};
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
// damaged.
std::unique_ptr<Dataset> make_cifar10(const DataSpec& spec) {
  const std::filesystem::path folder(spec.path);
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    throw DataError("data.path: received '" + spec.path +
                    "', allowed the folder of CIFAR-10's data_batch_1.bin to test_batch.bin");
  Records train, validation;
  std::vector<DataFile> files;
  for (int64_t i = 1; i <= 5; ++i)
    files.push_back(append_records(folder / batch_name(i), Split::train, train));
  files.push_back(append_records(folder / "test_batch.bin", Split::validation, validation));
  const auto count = [](const Records& records) {
    return static_cast<int64_t>(records.size()) / record_bytes;
  };
  const std::vector<std::pair<std::string, int64_t>> counts{
      {"train images", count(train)}, {"validation images", count(validation)}};
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
