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

// Adds the text under this name, after a word for it; nothing where it is not known.
void add_known(std::vector<std::string>& parts, const std::string& word, const SweepValue& json,
               const char* name) {
  if (!json.contains(name) || !json[name].is_string() || json[name] == "unknown") return;
  parts.push_back(word + json[name].get<std::string>());
}

// The name of the row of a line.
std::string name_of_row(const SweepValue& line) {
  Arm arm;
  arm.name = line["arm"].get<std::string>();
  Settings row;
  for (const auto& [name, value] : line["row"].items()) row.emplace_back(name, value);
  return row_name(arm, row);
}

// An arm that an expression names, with the words in brackets that choose among its rows:
// "k[ky_fan(k=4)|ky_fan(k=8)]".
struct Named {
  std::string arm, words;

  std::string text() const { return words.empty() ? arm : arm + "[" + words + "]"; }
};

// The words of an expression: names of arms and of what is done with them. A minus sign within a
// word belongs to it.
std::vector<Named> words_of(const std::string& expression) {
  std::vector<Named> found = {{}};
  bool within = false;  // the brackets
  for (const char c : expression) {
    const bool part = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
    if (within && c != ']')
      found.back().words += c;
    else if (c == '[' || (c == ']' && within))
      within = c == '[';
    else if (part)
      found.back().arm += c;
    else
      found.emplace_back();
  }
  return found;
}

// The parts of a text between separators that are in no parentheses.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts = {""};
  int depth = 0;
  for (const char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == separator && depth == 0)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// Whether the row has one of the words between "|" for each part between ",".
bool is_chosen(const SweepValue& row, const std::string& words) {
  const auto has = [&](const std::string& word) {
    for (const auto& [name, value] : row.items())
      if (override_text(value) == word) return true;
    return false;
  };
  for (const auto& part : split(words, ',')) {
    const auto any = split(part, '|');
    if (!part.empty() && std::none_of(any.begin(), any.end(), has)) return false;
  }
  return true;
}

// What is known of what a run was made with, for people; "" where nothing is.
std::string tools_of(const SweepValue& line) {
  static const SweepValue none = SweepValue::object();
  const auto found = line.find("versions");
  const SweepValue& versions = found == line.end() || !found->is_object() ? none : *found;
  std::vector<std::string> parts;
  add_known(parts, "steepest ", versions, "steepest");
  add_known(parts, "torch ", versions, "torch");
  add_known(parts, "commit ", line, "commit");
  add_known(parts, "", line, "processor");
  return join(parts);
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
  for (const auto& word : words_of(expression)) {
    const bool again = std::find(named.begin(), named.end(), word.text()) != named.end();
    std::set<size_t> counts;
    for (const auto& row : rows)
      if (row.arm == word.arm && is_chosen(row.row, word.words)) counts.insert(row.tuned.size());
    if (again || counts.empty() || *counts.rbegin() == 0) continue;
    named.push_back(word.text());
    const auto least = std::to_string(*counts.begin()), most = std::to_string(*counts.rbegin());
    parts.push_back(word.text() + " " + least + (counts.size() > 1 ? " to " + most : ""));
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
    if (!line.contains("commit")) continue;  // a run that could not start has none
    if (const auto known = tools_of(line); !known.empty()) ++tools[known];
  }
  for (const auto& [tool, count] : tools)
    totals.made_with.push_back(tool + ": " + std::to_string(count) +
                               (count == 1 ? " run" : " runs"));
  return totals;
}

}  // namespace steepest::trainer
