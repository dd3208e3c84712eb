// SPDX-License-Identifier: Apache-2.0
// The curves of a table's runs as charts.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "trainer/report/runs.h"
#include "trainer/sweep/table.h"
#include "trainer/sweep/trial.h"

namespace steepest::trainer {
namespace {

using Points = std::vector<std::pair<double, double>>;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The values of a row for people, "max, ada_2"; "" of a row without axes.
std::string title_of(const SweepValue& row) {
  std::string title;
  for (const auto& [name, value] : row.items())
    title += (title.empty() ? "" : ", ") + override_text(value);
  return title;
}

// Whether a line has a curve, and its run has ended well.
bool has_curve(const SweepValue* line) {
  return (*line)["status"] == "done" && line->contains("curve") && (*line)["curve"].is_array();
}

// The mean of the lines' curves, step by step.
Points mean_curve(const std::vector<const SweepValue*>& lines) {
  std::map<double, std::pair<double, double>> sums;  // step to sum and count
  for (const auto* line : lines) {
    if (!has_curve(line)) continue;
    for (const auto& point : (*line)["curve"]) {
      if (!point.is_array() || point.size() != 2 || !point[0].is_number() || !point[1].is_number())
        continue;
      auto& [sum, count] = sums[point[0].get<double>()];
      sum += point[1].get<double>(), ++count;
    }
  }
  Points points;
  for (const auto& [step, sum] : sums) points.emplace_back(step, sum.first / sum.second);
  return points;
}

// The name by which tuned rows are drawn: of those whose numbers differ, the matrices' rate, else
// one that ends in "lr", else the first; "" where no number differs.
std::string rate_name(const std::vector<const SweepValue*>& lines) {
  std::map<std::string, std::set<double>> numbers;
  for (const auto* line : lines)
    for (const auto& [name, value] : values_of_line(*line).items())
      if (value.is_number() && value.get<double>() > 0) numbers[name].insert(value.get<double>());
  std::erase_if(numbers, [](const auto& entry) { return entry.second.size() < 2; });
  if (numbers.empty()) return "";
  if (numbers.contains("optimizer.lr")) return "optimizer.lr";
  for (const auto& [name, values] : numbers)
    if (name.ends_with("lr")) return name;
  return numbers.begin()->first;
}

// The least judged loss of the lines by the number under this name.
Points rate_curve(const std::vector<const SweepValue*>& lines, const std::string& name) {
  std::map<double, double> best;
  for (const auto* line : lines) {
    const auto& values = values_of_line(*line);
    if (!values.contains(name) || !values[name].is_number()) continue;
    const double rate = values[name].get<double>();
    if (!(rate > 0)) continue;
    const auto found = best.emplace(rate, kInfinity).first;
    found->second = std::min(found->second, judged_loss(*line));
  }
  return {best.begin(), best.end()};
}

// The loss above which curves of training leave the picture: the greatest after a tenth of it.
double top_of_losses(const std::vector<Series>& series) {
  double top = -kInfinity;
  for (const auto& one : series) {
    for (const auto& [step, loss] : one.points)
      if (step >= one.points.back().first / 10) top = std::max(top, loss);
  }
  return top;
}

// The same of curves by rate: four times as far above the best loss as the median is.
double top_of_rates(const std::vector<Series>& series) {
  std::vector<double> losses;
  for (const auto& one : series)
    for (const auto& point : one.points)
      if (std::isfinite(point.second)) losses.push_back(point.second);
  if (losses.empty()) return 0;
  std::sort(losses.begin(), losses.end());
  const double best = losses.front(), median = losses[losses.size() / 2];
  return best + 4 * std::max(median - best, 1e-3 * std::fabs(best));
}

// A chart for each combination of the axes' values, with the curve that `points` makes of each row.
std::vector<Chart> charts_of(const std::vector<RunsOfRow>& rows,
                             const std::vector<std::string>& arms, const Chart& like,
                             const std::function<Points(const RunsOfRow&)>& points) {
  std::vector<Chart> charts;
  std::vector<SweepValue> drawn;
  for (const auto& row : rows) {
    const auto arm = std::find(arms.begin(), arms.end(), row.arm);
    if (arm == arms.end()) continue;
    auto curve = points(row);
    if (curve.empty()) continue;
    const auto known = std::find(drawn.begin(), drawn.end(), row.row);
    const auto at = static_cast<size_t>(known - drawn.begin());
    if (known == drawn.end()) {
      drawn.push_back(row.row), charts.push_back(like);
      charts.back().title = title_of(row.row);
    }
    charts[at].series.push_back(
        {static_cast<size_t>(arm - arms.begin()), row.arm, std::move(curve)});
  }
  return charts;
}

}  // namespace

std::vector<Chart> loss_charts(const std::vector<RunsOfRow>& rows,
                               const std::vector<std::string>& arms) {
  const Chart like{.x_name = "step", .y_name = "training loss"};
  auto charts =
      charts_of(rows, arms, like, [](const RunsOfRow& row) { return mean_curve(row.reported); });
  for (auto& chart : charts) chart.top = top_of_losses(chart.series);
  return charts;
}

std::vector<Chart> rate_charts(const std::vector<RunsOfRow>& rows,
                               const std::vector<std::string>& arms) {
  std::vector<const SweepValue*> all;
  for (const auto& row : rows) all.insert(all.end(), row.tuned.begin(), row.tuned.end());
  const auto name = rate_name(all);
  if (name.empty()) return {};
  const Chart like{.x_name = name, .y_name = "validation loss", .logarithmic = true, .marks = true};
  auto charts = charts_of(rows, arms, like,
                          [&](const RunsOfRow& row) { return rate_curve(row.tuned, name); });
  for (auto& chart : charts) chart.top = top_of_rates(chart.series);
  return charts;
}

}  // namespace steepest::trainer
