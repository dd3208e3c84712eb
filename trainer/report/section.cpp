// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/section.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "trainer/report/details.h"
#include "trainer/report/forest.h"
#include "trainer/report/numbers.h"
#include "trainer/report/rows_table.h"
#include "trainer/report/runs.h"

namespace steepest::trainer {
namespace {

constexpr size_t kCurves = 8;  // in a picture, at most

// Adds charts side by side, each arm in its style.
void add_charts(Html& html, std::vector<Chart> charts, const Styles& styles,
                const std::string& caption) {
  if (charts.empty()) return;
  html.element("h3", caption);
  const Element panels(html, "div", {{"class", "panels"}});
  for (auto& chart : charts) {
    for (auto& series : chart.series) series.style = styles.at(series.name);
    add_chart(html, chart);
  }
}

// Adds the curves of all rows, of at most so many arms in a picture as can be told apart.
void add_curves(Html& html, const std::vector<RunsOfRow>& rows, const Styles& styles) {
  const auto arms = arms_of(rows);
  for (size_t first = 0; first < arms.size(); first += kCurves) {
    const auto last = std::min(arms.size(), first + kCurves);
    const std::vector<std::string> some(arms.begin() + static_cast<std::ptrdiff_t>(first),
                                        arms.begin() + static_cast<std::ptrdiff_t>(last));
    add_charts(html, loss_charts(rows, some), styles, "Training loss by step, mean of the seeds");
    const auto by_rate = rate_charts(rows, some);
    if (by_rate.empty()) continue;
    add_charts(html, by_rate, styles,
               "Validation loss by " + by_rate.front().x_name +
                   ", seed 0; a cross: diverged, or above the picture");
  }
}

// Adds the losses by rate within the windows.
void add_windows(Html& html, const std::vector<RateWindow>& windows, const Styles& styles) {
  std::vector<Chart> charts;
  for (size_t i = 0; i < windows.size(); ++i) {
    if (i % kCurves == 0)
      charts.push_back({.x_name = "rate, as a multiple of the best",
                        .y_name = "validation loss",
                        .logarithmic = true,
                        .marks = true,
                        .top = std::numeric_limits<double>::infinity()});
    charts.back().series.push_back({0, windows[i].row, windows[i].points});
  }
  add_charts(html, std::move(charts), styles, "Validation loss by rate");
}

// Adds what the runs have cost and what they were made with.
void add_totals(Html& html, const Experiment& experiment) {
  const auto totals = totals_of(experiment.lines);
  std::string text = std::to_string(totals.runs) + (totals.runs == 1 ? " run" : " runs");
  if (totals.tuned > 0)
    text += ", " + std::to_string(totals.tuned) + " of them trials of the tuning";
  if (totals.not_done > 0) text += "; " + std::to_string(totals.not_done) + " diverged or died";
  if (totals.cpu_seconds >= .5) text += "; " + decimal_text(totals.cpu_seconds, 0) + " CPU seconds";
  html.element("p", text + ".");
  if (totals.made_with.size() > 1)
    html.element("p",
                 "The runs are of more than one version of the program or of more than one "
                 "machine.",
                 {{"class", "told"}});
  if (totals.made_with.empty()) return;
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

// Adds whose claims these are and what is asked, where the title does not say it.
void add_question(Html& html, const Experiment& experiment) {
  std::string source = experiment.name;
  if (!experiment.paper.empty()) source += ": " + experiment.paper;
  html.element("p", source, {{"class", "source"}});
  if (!experiment.question.empty() && experiment.question != experiment.title)
    html.element("p", experiment.question);
  for (const auto& told : experiment.missing) html.element("p", told, {{"class", "told"}});
}

}  // namespace

void add_section(Html& html, const Experiment& experiment, const std::string& anchor,
                 const Styles& styles) {
  const Element section(html, "section", {{"id", anchor}});
  html.element("h2", experiment.title);
  add_question(html, experiment);
  std::vector<const Contrast*> tested;
  for (const auto& c : experiment.contrasts)
    if (c.is_tested()) tested.push_back(&c);
  add_forests(html, tested);
  for (const auto& note : experiment.notes) html.element("p", note);
  add_windows(html, experiment.windows, styles);
  if (!experiment.lines.empty()) {
    const auto rows = rows_of_lines(experiment.lines);
    add_curves(html, rows, styles);
    add_rows(html, rows);
    add_totals(html, experiment);
  }
  add_settings(html, experiment);
}

void add_untested(Html& html, const Experiment& experiment) {
  std::vector<const Contrast*> untested;
  for (const auto& c : experiment.contrasts)
    if (!c.is_tested()) untested.push_back(&c);
  if (untested.empty() && experiment.has_result()) return;
  const auto count =
      std::to_string(untested.size()) + (untested.size() == 1 ? " claim" : " claims");
  const Details details(html, experiment.title + " (" + count + ")");
  if (!experiment.has_result()) add_question(html, experiment);
  {
    const Element list(html, "ul");
    for (const auto* c : untested) {
      const Element item(html, "li");
      html.element("b", c->id).text(" " + c->claim + (c->why.empty() ? "" : ": " + c->why));
    }
  }
  if (!experiment.has_result()) add_settings(html, experiment);
}

}  // namespace steepest::trainer
