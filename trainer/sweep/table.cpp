// SPDX-License-Identifier: Apache-2.0
#include "trainer/sweep/table.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <map>

#include "trainer/run/bounded_json.h"
#include "trainer/run/run_folder.h"

namespace steepest::trainer {
namespace {

// Whether the JSON is a line of a table.
bool is_line(const std::optional<SweepValue>& json) {
  if (!json || !json->is_object()) return false;
  for (const char* name : {"key", "stage", "arm", "status"})
    if (!json->contains(name) || !(*json)[name].is_string()) return false;
  return json->contains("row") && (*json)["row"].is_object();
}

}  // namespace

std::vector<SweepValue> parse_table(const std::string& text, const std::string& name) {
  std::vector<SweepValue> lines;
  for (size_t begin = 0, stop = 0; (stop = text.find('\n', begin)) != text.npos; begin = stop + 1) {
    auto json = parse_bounded(std::string_view(text).substr(begin, stop - begin), 8);
    if (!is_line(json))
      throw RunError(name + ":" + std::to_string(lines.size() + 1) + ": not a line of a sweep");
    lines.push_back(std::move(*json));
  }
  return lines;
}

Table::Table(const std::string& path)
    : file_(std::make_unique<File>(path, O_RDWR | O_CREAT | O_APPEND)) {
  if (::flock(file_->descriptor(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw RunError(path + ": another sweep is writing to it");
  const std::string text = read_file(path);
  lines_ = parse_table(text, path);
  const size_t end = text.rfind('\n') == text.npos ? 0 : text.rfind('\n') + 1;
  if (end == text.size()) return;
  system_call("shorten", path,
              [&] { return ::ftruncate(file_->descriptor(), static_cast<off_t>(end)); });
}

const SweepValue* Table::find(const Job& job) const {
  const auto row = json_of(job.trial.row);
  for (const auto& line : lines_) {
    if (line["key"] == job.key && line["arm"] == job.trial.arm->name && line["row"] == row)
      return &line;
  }
  return nullptr;
}

const SweepValue* Table::find_run(const std::string& key) const {
  for (const auto& line : lines_)
    if (line["key"] == key) return &line;
  return nullptr;
}

void Table::append(const SweepValue& line) {
  const std::string text = line.dump(-1, ' ', false, SweepValue::error_handler_t::replace) + "\n";
  file_->write_all(text.data(), text.size());
  file_->sync();
  lines_.push_back(SweepValue::parse(text));
}

std::vector<std::string> other_commits(const std::vector<SweepValue>& lines,
                                       const std::string& own) {
  std::map<std::string, std::string> commits;  // of each run
  for (const auto& line : lines) {
    const auto found = line.find("commit");
    const bool known = found != line.end() && found->is_string();
    commits[line["key"].get<std::string>()] = known ? found->get<std::string>() : own;
  }
  std::map<std::string, size_t> counts;
  for (const auto& [key, commit] : commits) ++counts[commit];
  counts.erase(own);
  std::vector<std::string> said;
  for (const auto& [commit, count] : counts)
    said.push_back(std::to_string(count) + " of " + std::to_string(commits.size()) +
                   " runs are of commit " + commit);
  return said;
}

double judged_loss(const SweepValue& line) {
  const bool counts =
      line["status"] == "done" && line.contains("val_loss") && line["val_loss"].is_number();
  return counts ? line["val_loss"].get<double>() : std::numeric_limits<double>::infinity();
}

SweepValue relabelled(const SweepValue& line, const Trial& trial) {
  SweepValue copy = line;
  copy["stage"] = stage_name(trial.stage), copy["arm"] = trial.arm->name;
  copy["row"] = json_of(trial.row), copy["values"] = json_of(trial.values);
  return copy;
}

}  // namespace steepest::trainer
