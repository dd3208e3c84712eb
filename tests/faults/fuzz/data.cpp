// SPDX-License-Identifier: Apache-2.0
// The readers of training data.
#include <filesystem>

#include "tests/faults/fuzz/parsers.h"
#include "trainer/data/completions.h"
#include "trainer/data/make_dataset.h"

namespace steepest::faults {
namespace {

namespace fs = std::filesystem;

// Opens the data, and takes a batch from the front and the end where they are good.
std::string refusal(const trainer::DataSpec& spec) {
  try {
    const auto data = trainer::make_dataset(spec);
    data->batch(trainer::Split::train, 0);
    data->batch(trainer::Split::train, 1'000'003);
    data->validation_batch(data->validation_batches(1) - 1, 1);
    data->describe();
    return "";
  } catch (const trainer::DataError& error) {
    return require_one_line(error.what());
  }
}

}  // namespace

std::string read_tokens(Bytes bytes) {
  trainer::DataSpec spec{.kind = "tokens", .path = file_of(bytes, "tokens.bin")};
  spec.validation_path = spec.path;
  spec.vocab = 60000, spec.context = 4, spec.batch = 2;
  return refusal(spec);
}

std::string read_question_file(Bytes bytes) {
  try {
    trainer::read_questions(file_of(bytes, "questions.bin"), 60000, 64);
    return "";
  } catch (const trainer::DataError& error) {
    return require_one_line(error.what());
  }
}

std::string read_text(Bytes bytes) {
  trainer::DataSpec spec{.kind = "text", .path = file_of(bytes, "text.txt")};
  spec.context = 4, spec.batch = 1, spec.validation_fraction = .3;
  return refusal(spec);
}

std::string read_cifar10(Bytes bytes) {
  // The first byte says how many records are cut off or added, so that small inputs reach them.
  std::string folder;
  std::vector<uint8_t> file(bytes.begin(), bytes.end());
  if (file.size() > 1 && file[0] < 3) file.resize(size_t{3073} * (file[0] + 1));
  for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                           "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"}) {
    folder = fs::path(file_of(file, name)).parent_path().string();
  }
  trainer::DataSpec spec{.kind = "cifar10", .path = folder};
  spec.batch = 2, spec.translate = 2, spec.flip = true;
  return refusal(spec);
}

}  // namespace steepest::faults
