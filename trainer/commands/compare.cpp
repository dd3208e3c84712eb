// SPDX-License-Identifier: Apache-2.0
// steepest compare RUN..: the runs side by side, the best validation loss first.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "steepest/optimizers/optimizers.h"
#include "trainer/commands/commands.h"
#include "trainer/commands/table.h"
#include "trainer/config/config.h"
#include "trainer/run/output.h"
#include "trainer/run/read_metrics.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::ordered_json;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Returns one row of the comparison: the learning rates and the seed that the run in this folder
// was given, before its schedule; the last value of each kind that it wrote, NaN where it wrote
// none; and its best validation loss. Throws ConfigError or RunError where the folder holds no run.
Json summary(const std::string& run) {
  if (run.empty()) throw ConfigError("runs: received nothing, allowed folders of runs");
  const auto spec = load_config(run + "/config.toml");
  const Recipe chosen = recipe(spec.recipe, spec.optimizer);
  Json last = Json::object();
  double best = kNaN;
  for_each_metrics_line(run, [&](const Json& line) {
    last.update(line);
    if (line.contains("val_loss") && line["val_loss"].is_number())
      best = std::fmin(best, line["val_loss"].get<double>());
  });
  const auto number = [&](const char* key) {
    return last.contains(key) && last[key].is_number() ? last[key].get<double>() : kNaN;
  };
  return {{"run", run},
          {"recipe", spec.recipe},
          {"lr", chosen.matrix.lr},
          {"backup_lr", chosen.backup.lr},
          {"seed", spec.seed},
          {"steps", number("step")},
          {"train_loss", number("loss")},
          {"val_loss", number("val_loss")},
          {"best_val_loss", best},
          {"val_accuracy", number("val_accuracy")},
          {"seconds", number("seconds")},
          {"optimizer_share", number("optimizer_seconds") / number("seconds")}};
}

// Returns the validation loss, by which the rows are ordered; infinity where there is none.
double sort_key(const Json& row) {
  return row["val_loss"].is_number() && !std::isnan(row["val_loss"].get<double>())
             ? row["val_loss"].get<double>()
             : std::numeric_limits<double>::infinity();
}

// Returns the number as the table shows it by printf's format for one double; "-" where the value
// is NaN or no number.
std::string number_text(const char* format, const Json& value) {
  if (!value.is_number() || std::isnan(value.get<double>())) return "-";
  char text[64];
  std::snprintf(text, sizeof text, format, value.get<double>());
  return text;
}

// Returns the rows of the comparison as a table of text, a line for each run; without the column of
// the accuracy where no run has one.
std::string table_of(const std::vector<Json>& rows) {
  struct Column {
    const char *name, *key, *format;
    double scale;
  };
  const Column columns[] = {{"lr", "lr", "%.4g", 1},
                            {"backup_lr", "backup_lr", "%.4g", 1},
                            {"seed", "seed", "%.0f", 1},
                            {"steps", "steps", "%.0f", 1},
                            {"train", "train_loss", "%.4f", 1},
                            {"validation", "val_loss", "%.4f", 1},
                            {"accuracy", "val_accuracy", "%.1f%%", 100},
                            {"seconds", "seconds", "%.1f", 1},
                            {"optimizer", "optimizer_share", "%.1f%%", 100}};
  std::vector<std::vector<std::string>> lines = {{"run", "recipe"}};
  for (const auto& row : rows)
    lines.push_back(
        {one_line(row["run"].get<std::string>()), one_line(row["recipe"].get<std::string>())});
  for (const auto& column : columns) {
    const auto known = [&](const Json& row) {
      return number_text(column.format, row[column.key]) != "-";
    };
    const bool optional = std::string_view(column.key) == "val_accuracy";
    if (optional && std::none_of(rows.begin(), rows.end(), known)) continue;
    lines[0].push_back(column.name);
    for (size_t i = 0; i < rows.size(); ++i)
      lines[i + 1].push_back(number_text(
          column.format,
          known(rows[i]) ? Json(column.scale * rows[i][column.key].get<double>()) : Json()));
  }
  return aligned(lines, /*numbers=*/2);
}

}  // namespace

// Adds `steepest compare RUN..`, which prints a table of runs, the best validation loss first;
// its callback sets `exit_code`.
void add_compare(CLI::App& app, int& exit_code) {
  auto runs = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false);
  auto* command =
      app.add_subcommand("compare", "Runs side by side, the best validation loss first");
  command->add_option("runs", *runs, "Folders of runs")->required();
  command->add_flag("--json", *json, "As JSON");
  command->callback([runs, json, &exit_code] {
    std::vector<Json> rows;
    for (const auto& run : *runs) rows.push_back(summary(run));
    std::stable_sort(rows.begin(), rows.end(),
                     [](const Json& a, const Json& b) { return sort_key(a) < sort_key(b); });
    print_out(*json ? Json(rows).dump(1, ' ', false, Json::error_handler_t::replace) + "\n"
                    : table_of(rows));
    exit_code = 0;
  });
}

}  // namespace steepest::trainer
