// SPDX-License-Identifier: Apache-2.0
// steepest compare RUN..: the runs side by side, the best validation loss first.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "trainer/commands/commands.h"
#include "trainer/config.h"
#include "trainer/run_folder.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::ordered_json;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The last values that a run wrote of each kind.
Json summary(const std::string& run) {
  const auto spec = load_config(run + "/config.toml");
  std::ifstream file(run + "/metrics.jsonl");
  if (!file) throw RunError(run + ": no metrics.jsonl");
  Json last;
  double best = kNaN;
  for (std::string line; std::getline(file, line);) {
    const auto json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) throw RunError(run + "/metrics.jsonl: a line is not a JSON object");
    last.update(json);
    if (json.contains("val_loss") && json["val_loss"].is_number()) {
      best = std::fmin(best, json["val_loss"].get<double>());
    }
  }
  const auto number = [&](const char* key) {
    return last.contains(key) && last[key].is_number() ? last[key].get<double>() : kNaN;
  };
  return {{"run", run},
          {"recipe", spec.recipe},
          {"lr", number("lr")},
          {"steps", number("step")},
          {"train_loss", number("loss")},
          {"val_loss", number("val_loss")},
          {"best_val_loss", best},
          {"seconds", number("seconds")},
          {"optimizer_share", number("optimizer_seconds") / number("seconds")}};
}

double sort_key(const Json& row) {
  return row["val_loss"].is_number() && !std::isnan(row["val_loss"].get<double>())
             ? row["val_loss"].get<double>()
             : std::numeric_limits<double>::infinity();
}

void print_table(const std::vector<Json>& rows) {
  size_t width = 4;
  for (const auto& r : rows) width = std::max(width, r["run"].get<std::string>().size());
  std::printf("%-*s  %-18s %7s %10s %10s %10s %10s\n", static_cast<int>(width), "run", "recipe",
              "steps", "train", "validation", "seconds", "optimizer");
  for (const auto& r : rows) {
    std::printf("%-*s  %-18s %7.0f %10.4f %10.4f %10.1f %9.1f%%\n", static_cast<int>(width),
                r["run"].get<std::string>().c_str(), r["recipe"].get<std::string>().c_str(),
                r["steps"].get<double>(), r["train_loss"].get<double>(),
                r["val_loss"].get<double>(), r["seconds"].get<double>(),
                100 * r["optimizer_share"].get<double>());
  }
}

}  // namespace

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
    if (*json) {
      std::cout << Json(rows).dump(1) << std::endl;
    } else {
      print_table(rows);
    }
    exit_code = 0;
  });
}

}  // namespace steepest::trainer
