// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/section.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "trainer/report/cells.h"
#include "trainer/report/forest.h"
#include "trainer/report/numbers.h"
#include "trainer/report/runs.h"
#include "trainer/sweep/table.h"
#include "trainer/sweep/trial.h"

namespace steepest::trainer {
namespace {

// Adds something that opens at a touch.
class Details {
 public:
  Details(Html& html, const std::string& summary) : outer_(html, "details") {
    html.element("summary", summary);
  }

 private:
  Element outer_;
};

// Whether a run is one of something that has no loss.
bool has_no_loss(const SweepValue* line) {
  return (*line)["status"] == "done" && !line->contains("val_loss");
}

// Mean and deviation of the reported runs' validation losses, "2.0114 ± 0.0031"; infinite where one
// has diverged or died.
std::string losses_text(const std::vector<const SweepValue*>& lines) {
  if (std::all_of(lines.begin(), lines.end(), has_no_loss)) return "–";
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
  if (best == nullptr) return "–";
  for (const auto& [name, value] : values_of_line(*best).items()) {
    const auto shown = value.is_number() ? short_text(value.get<double>()) : override_text(value);
    text += (text.empty() ? "" : ", ") + name + " = " + shown;
  }
  return text.empty() ? "–" : text;
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

// Adds the table of the rows: what was chosen, and what it came to.
void add_rows(Html& html, const std::vector<RunsOfRow>& rows) {
  const Details details(html, "Rows: what was chosen, and the losses");
  const Element table(html, "table", {{"class", "cards"}});
  add_head(html, {"row", "chosen", "trials", "seeds", "validation loss", "lost", "CPU s"});
  const Element body(html, "tbody");
  for (const auto& row : rows) {
    const Element line(html, "tr");
    add_first_line(html, "th", row.name);
    add_cell(html, "chosen", chosen_text(row));
    add_cell(html, "trials", std::to_string(row.tuned.size()), /*number=*/true);
    add_cell(html, "seeds", std::to_string(row.reported.size()), /*number=*/true);
    add_cell(html, "validation loss", losses_text(row.reported), /*number=*/true);
    add_cell(html, "lost", std::to_string(lost_of(row)), /*number=*/true);
    add_cell(html, "CPU s", decimal_text(cpu_seconds_of(row), 0), /*number=*/true);
  }
}

// Adds charts side by side, below the names of their curves.
void add_charts(Html& html, const std::vector<Chart>& charts, const std::string& caption) {
  if (charts.empty()) return;
  html.element("h3", caption);
  std::vector<Series> legend;
  std::set<std::string> named;
  for (const auto& chart : charts)
    for (const auto& series : chart.series)
      if (named.insert(series.name).second) legend.push_back({series.style, series.name, {}});
  add_legend(html, legend);
  const Element panels(html, "div", {{"class", "panels"}});
  for (const auto& chart : charts) add_chart(html, chart);
}

// Adds the curves of all rows, of at most so many arms in a picture as can be told apart.
void add_curves(Html& html, const std::vector<RunsOfRow>& rows) {
  const auto arms = arms_of(rows);
  for (size_t first = 0; first < arms.size(); first += kStyles) {
    const auto last = std::min(arms.size(), first + kStyles);
    const std::vector<std::string> some(arms.begin() + static_cast<std::ptrdiff_t>(first),
                                        arms.begin() + static_cast<std::ptrdiff_t>(last));
    add_charts(html, loss_charts(rows, some), "Training loss by step, mean of the seeds");
    const auto by_rate = rate_charts(rows, some);
    if (by_rate.empty()) continue;
    add_charts(html, by_rate,
               "Validation loss by " + by_rate.front().x_name +
                   ", seed 0; a cross: diverged, or above the picture");
  }
}

// Adds the losses by rate within the windows.
void add_windows(Html& html, const std::vector<RateWindow>& windows) {
  Chart chart{.x_name = "rate, as a multiple of the best",
              .y_name = "validation loss",
              .logarithmic = true,
              .marks = true,
              .top = std::numeric_limits<double>::infinity()};
  std::vector<Chart> charts;
  for (size_t i = 0; i < windows.size(); ++i) {
    if (i % kStyles == 0) charts.push_back(chart);
    charts.back().series.push_back({i % kStyles, windows[i].row, windows[i].points});
  }
  for (const auto& one : charts) add_charts(html, {one}, "Validation loss by rate");
}

// Adds what the runs have cost and what they were made with.
void add_totals(Html& html, const Experiment& experiment) {
  const auto totals = totals_of(experiment.lines);
  html.element("p", std::to_string(totals.runs) + " runs, " + std::to_string(totals.tuned) +
                        " of them trials of the tuning; " + std::to_string(totals.not_done) +
                        " diverged or died; " + decimal_text(totals.cpu_seconds, 0) +
                        " CPU seconds.");
  if (totals.made_with.size() > 1)
    html.element("p",
                 "The runs are of more than one version of the program or of more than one "
                 "machine.",
                 {{"class", "told"}});
  const Element list(html, "ul");
  for (const auto& tools : totals.made_with) html.element("li", tools);
}

// Adds the commands and the files that say what was run.
void add_settings(Html& html, const Experiment& experiment) {
  if (!experiment.commands.empty()) {
    const Details details(html, "Commands");
    std::string text;
    for (const auto& command : experiment.commands) text += command + "\n";
    html.element("pre", text);
  }
  for (const auto& [name, text] : experiment.files) {
    const Details details(html, name);
    html.element("pre", text);
  }
}

}  // namespace

void add_section(Html& html, const Experiment& experiment, const std::string& anchor) {
  const Element section(html, "section", {{"id", anchor}});
  html.element("h2", experiment.title);
  std::string source = experiment.name;
  if (!experiment.paper.empty()) source += ": " + experiment.paper;
  html.element("p", source, {{"class", "source"}});
  if (!experiment.question.empty() && experiment.question != experiment.title)
    html.element("p", experiment.question);
  for (const auto& told : experiment.missing) html.element("p", told, {{"class", "told"}});
  add_forests(html, experiment.contrasts);
  for (const auto& note : experiment.notes) html.element("p", note);
  add_windows(html, experiment.windows);
  if (!experiment.lines.empty()) {
    const auto rows = rows_of_lines(experiment.lines);
    add_curves(html, rows);
    add_rows(html, rows);
    add_totals(html, experiment);
  }
  add_settings(html, experiment);
}

}  // namespace steepest::trainer
