// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/rows_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "trainer/report/cells.h"
#include "trainer/report/details.h"
#include "trainer/report/numbers.h"
#include "trainer/sweep/table.h"
#include "trainer/sweep/trial.h"

namespace steepest::trainer {
namespace {

// Whether a run is one of something that has no loss.
bool has_no_loss(const SweepValue* line) {
  return (*line)["status"] == "done" && !line->contains("val_loss");
}

// Mean and deviation of the reported runs' validation losses, "2.0114 ± 0.0031"; infinite where one
// has diverged or died.
std::string losses_text(const std::vector<const SweepValue*>& lines) {
  if (std::all_of(lines.begin(), lines.end(), has_no_loss)) return "";
  double sum = 0, squares = 0;
  const auto count = static_cast<double>(lines.size());
  for (const auto* line : lines) sum += judged_loss(*line);
  for (const auto* line : lines) squares += std::pow(judged_loss(*line) - sum / count, 2);
  const auto mean = decimal_text(sum / count, 4);
  if (count < 2 || !std::isfinite(sum)) return mean;
  return mean + " ± " + decimal_text(std::sqrt(squares / (count - 1)), 4);
}

// The values that a row's reported runs have, or, where none is reported, its best trial.
std::string chosen_text(const RunsOfRow& row) {
  const SweepValue* best = row.reported.empty() ? nullptr : row.reported.front();
  double least = std::numeric_limits<double>::infinity();
  for (const auto* line : row.tuned) {
    if (!row.reported.empty() || judged_loss(*line) >= least) continue;
    best = line, least = judged_loss(*line);
  }
  std::string text;
  if (best == nullptr) return "";
  for (const auto& [name, value] : values_of_line(*best).items()) {
    const auto shown = value.is_number() ? short_text(value.get<double>()) : override_text(value);
    text += (text.empty() ? "" : ", ") + name + " = " + shown;
  }
  return text;
}

// The CPU seconds of a row's runs.
double cpu_seconds_of(const RunsOfRow& row) {
  double sum = 0;
  for (const auto* lines : {&row.tuned, &row.reported})
    for (const auto* line : *lines)
      if (line->contains("cpu_seconds") && (*line)["cpu_seconds"].is_number())
        sum += (*line)["cpu_seconds"].get<double>();
  return sum;
}

// How many of a row's runs have diverged or died.
int64_t lost_of(const RunsOfRow& row) {
  int64_t count = 0;
  for (const auto* lines : {&row.tuned, &row.reported})
    for (const auto* line : *lines) count += (*line)["status"] != "done";
  return count;
}

// A count that is worth a cell; "" for none.
std::string count_text(double count) { return count < .5 ? "" : decimal_text(count, 0); }

// A column of the table; `text` is "" where a row has nothing there.
struct Column {
  const char* name;
  bool number;
  std::string (*text)(const RunsOfRow&);
};

constexpr Column kColumns[] = {
    {"chosen", false, chosen_text},
    {"trials", true,
     [](const RunsOfRow& row) { return count_text(static_cast<double>(row.tuned.size())); }},
    {"seeds", true,
     [](const RunsOfRow& row) { return count_text(static_cast<double>(row.reported.size())); }},
    {"validation loss", true, [](const RunsOfRow& row) { return losses_text(row.reported); }},
    {"lost", true,
     [](const RunsOfRow& row) { return count_text(static_cast<double>(lost_of(row))); }},
    {"CPU s", true, [](const RunsOfRow& row) { return count_text(cpu_seconds_of(row)); }}};

}  // namespace

void add_rows(Html& html, const std::vector<RunsOfRow>& rows) {
  std::vector<const Column*> columns;
  std::vector<std::string> names = {"row"};
  for (const auto& column : kColumns) {
    if (std::all_of(rows.begin(), rows.end(),
                    [&](const auto& row) { return column.text(row).empty(); }))
      continue;
    columns.push_back(&column);
    names.emplace_back(column.name);
  }
  const Details details(html, "Rows: what was chosen, and the losses");
  const Element table(html, "table", {{"class", "cards"}});
  add_head(html, names);
  const Element body(html, "tbody");
  for (const auto& row : rows) {
    const Element line(html, "tr");
    add_first_line(html, "th", row.name);
    for (const auto* column : columns)
      add_cell(html, column->name, column->text(row), column->number);
  }
}

}  // namespace steepest::trainer
