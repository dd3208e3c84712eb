// SPDX-License-Identifier: Apache-2.0
#include "trainer/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace steepest::trainer {
namespace {

using Json = nlohmann::json;

// The step of a line; nothing when the line is broken.
std::optional<int64_t> step_of(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto step = json.find("step");
  if (step == json.end() || !step->is_number_integer()) return std::nullopt;
  return step->get<int64_t>();
}

// How many bytes to keep. A last line without its end was cut off by whatever stopped the run.
size_t length_up_to(const std::string& path, const std::string& text, int64_t step) {
  size_t begin = 0, number = 1;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1, ++number) {
    const auto found = step_of(std::string_view(text).substr(begin, end - begin));
    if (!found) {
      throw FileError(path + ":" + std::to_string(number) +
                      ": not a line of metrics: repair or remove the file, then resume");
    }
    if (*found > step) break;
  }
  return begin;
}

}  // namespace

Metrics Metrics::create(const std::string& path) {
  return Metrics(std::make_unique<File>(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND));
}

Metrics Metrics::resume(const std::string& path, int64_t step) {
  auto file = std::make_unique<File>(path, O_WRONLY | O_CREAT | O_APPEND);
  const std::string text = read_file(path);
  const size_t kept = length_up_to(path, text, step);
  system_call("shorten", path,
              [&] { return ::ftruncate(file->descriptor(), static_cast<off_t>(kept)); });
  return Metrics(std::move(file));
}

void Metrics::write(const nlohmann::ordered_json& line) {
  const std::string text =
      line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
  const off_t before = ::lseek(file_->descriptor(), 0, SEEK_END);
  try {
    file_->write_all(text.data(), text.size());
  } catch (const FileError&) {
    (void)!::ftruncate(file_->descriptor(), before);
    throw;
  }
}

}  // namespace steepest::trainer
