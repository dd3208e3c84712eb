// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/runs.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "steepest/base/text.h"
#include "trainer/sweep/table.h"
#include "trainer/sweep/trial.h"

namespace steepest::trainer {
namespace {

// The text under this name; "unknown" where there is none.
std::string text_in(const SweepValue& json, const char* name) {
  return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : "unknown";
}

// The name of the row of a line.
std::string name_of_row(const SweepValue& line) {
  Arm arm;
  arm.name = line["arm"].get<std::string>();
  Settings row;
  for (const auto& [name, value] : line["row"].items()) row.emplace_back(name, value);
  return row_name(arm, row);
}

// The words of an expression: names of arms and of what is done with them. A minus sign within a
// word belongs to it.
std::vector<std::string> words_of(const std::string& expression) {
  std::vector<std::string> words = {""};
  for (const char c : expression) {
    const bool part = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    if (part)
      words.back() += c;
    else
      words.emplace_back();
  }
  return words;
}

// What a run was made with, for people.
std::string tools_of(const SweepValue& line) {
  static const SweepValue none = SweepValue::object();
  const auto found = line.find("versions");
  const SweepValue& versions = found == line.end() || !found->is_object() ? none : *found;
  return "steepest " + text_in(versions, "steepest") + ", torch " + text_in(versions, "torch") +
         ", commit " + text_in(line, "commit") + ", " + text_in(line, "processor");
}

}  // namespace

std::vector<RunsOfRow> rows_of_lines(const std::vector<SweepValue>& lines) {
  std::vector<RunsOfRow> rows;
  for (const auto& line : lines) {
    auto found = std::find_if(rows.begin(), rows.end(), [&](const RunsOfRow& known) {
      return known.arm == line["arm"] && known.row == line["row"];
    });
    if (found == rows.end())
      found = rows.insert(rows.end(), {line["arm"], name_of_row(line), line["row"], {}, {}});
    (line["stage"] == "tune" ? found->tuned : found->reported).push_back(&line);
  }
  return rows;
}

std::vector<std::string> arms_of(const std::vector<RunsOfRow>& rows) {
  std::vector<std::string> arms;
  for (const auto& row : rows)
    if (std::find(arms.begin(), arms.end(), row.arm) == arms.end()) arms.push_back(row.arm);
  return arms;
}

const SweepValue& values_of_line(const SweepValue& line) {
  static const SweepValue none = SweepValue::object();
  const auto found = line.find("values");
  return found == line.end() || !found->is_object() ? none : *found;
}

std::string trials_text(const std::vector<RunsOfRow>& rows, const std::string& expression) {
  std::vector<std::string> parts, named;
  const auto arms = arms_of(rows);
  for (const auto& word : words_of(expression)) {
    const bool again = std::find(named.begin(), named.end(), word) != named.end();
    if (again || std::find(arms.begin(), arms.end(), word) == arms.end()) continue;
    named.push_back(word);
    std::set<size_t> counts;
    for (const auto& row : rows)
      if (row.arm == word) counts.insert(row.tuned.size());
    const auto least = std::to_string(*counts.begin()), most = std::to_string(*counts.rbegin());
    parts.push_back(word + " " + least + (counts.size() > 1 ? " to " + most : ""));
  }
  return join(parts);
}

RunTotals totals_of(const std::vector<SweepValue>& lines) {
  RunTotals totals;
  std::set<std::string> keys;
  std::map<std::string, int64_t> tools;
  for (const auto& line : lines) {
    if (!keys.insert(line["key"].get<std::string>()).second) continue;
    ++totals.runs;
    totals.tuned += line["stage"] == "tune";
    totals.not_done += line["status"] != "done";
    if (line.contains("cpu_seconds") && line["cpu_seconds"].is_number())
      totals.cpu_seconds += line["cpu_seconds"].get<double>();
    if (line.contains("commit")) ++tools[tools_of(line)];  // a run that could not start has none
  }
  for (const auto& [tool, count] : tools)
    totals.made_with.push_back(tool + ": " + std::to_string(count) + " runs");
  return totals;
}

}  // namespace steepest::trainer
