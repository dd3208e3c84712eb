// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl: one JSON object a line, each with its step. After a resumption the file is as if
// the run had never been interrupted.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "steepest/io/file_io.h"

namespace steepest::trainer {

class Metrics {
 public:
  // Makes a new file; throws FileError when there is one.
  static Metrics create(const std::string& path);
  // Opens the file, or makes it, and keeps its lines up to the first whose "step" is greater than
  // `step`; drops what follows. Throws FileError, changing nothing, when a kept line is not one of
  // ours or the path is a link. Other names of the file (hard links) keep its old content.
  static Metrics resume(const std::string& path, int64_t step);

  // Appends one line, handed to the system at once. Numbers that are not finite become null. When
  // the line cannot be written whole, none of it stays, and FileError is thrown.
  void write(const nlohmann::ordered_json& line);

  // Makes the lines durable; to be called before a checkpoint is saved: what the run can be resumed
  // from must not be lost.
  void sync() { file_->sync(); }

 private:
  // Takes a file that is open for appending.
  explicit Metrics(std::unique_ptr<File> file) : file_(std::move(file)) {}

  std::unique_ptr<File> file_;
};

}  // namespace steepest::trainer
