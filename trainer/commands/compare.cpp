// SPDX-License-Identifier: Apache-2.0
// steepest compare RUN..: the runs side by side, the best validation loss first.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "trainer/commands/commands.h"
#include "trainer/config/config.h"
#include "trainer/run/output.h"
#include "trainer/run/run_folder.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::ordered_json;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Lists and objects within each other; no line of ours has more than two.
constexpr int kDepth = 16;
constexpr size_t kLongest = size_t{1} << 20;  // bytes of a line

// How deep the brackets of a line of JSON nest. Copying a value recurses through it, so that a deep
// one has to be refused before.
int depth_of(std::string_view line) {
  int depth = 0, deepest = 0;
  bool text = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (text) {
      if (line[i] == '\\')
        ++i;
      else
        text = line[i] != '"';
    } else if (line[i] == '"') {
      text = true;
    } else if (line[i] == '[' || line[i] == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (line[i] == ']' || line[i] == '}') {
      --depth;
    }
  }
  return deepest;
}

// Calls `use` with every line of the run's metrics.jsonl but a last one without its end, which was
// cut by whatever stopped the run. Throws RunError for what is not a line of metrics.
void for_each_line(const std::string& run, const std::function<void(const Json&)>& use) {
  const std::string path = run + "/metrics.jsonl", text = read_file(path);
  size_t number = 1;
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    const auto line = std::string_view(text).substr(begin, end - begin);
    const bool plain = line.size() <= kLongest && depth_of(line) <= kDepth;
    const auto json = plain ? Json::parse(line, nullptr, /*allow_exceptions=*/false) : Json();
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer())
      throw RunError(path + ":" + std::to_string(number) + ": not a line of metrics");
    use(json);
    ++number;
  }
}

// One row of the comparison: the last value of each kind that the run in this folder wrote, NaN
// where it wrote none, and its best validation loss.
Json summary(const std::string& run) {
  if (run.empty()) throw ConfigError("runs: received nothing, allowed folders of runs");
  const auto spec = load_config(run + "/config.toml");
  Json last = Json::object();
  double best = kNaN;
  for_each_line(run, [&](const Json& line) {
    last.update(line);
    if (line.contains("val_loss") && line["val_loss"].is_number())
      best = std::fmin(best, line["val_loss"].get<double>());
  });
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

// The validation loss, by which the rows are ordered; infinity where there is none.
double sort_key(const Json& row) {
  return row["val_loss"].is_number() && !std::isnan(row["val_loss"].get<double>())
             ? row["val_loss"].get<double>()
             : std::numeric_limits<double>::infinity();
}

// The rows of the comparison as a table of text, a line for each run.
std::string table_of(const std::vector<Json>& rows) {
  std::vector<std::string> names = {"run"};
  for (const auto& r : rows) names.push_back(one_line(r["run"].get<std::string>()));
  size_t width = 4;
  for (const auto& name : names) width = std::max(width, name.size());
  for (auto& name : names) name.resize(width, ' ');
  char line[160];
  std::snprintf(line, sizeof line, "  %-18s %7s %10s %10s %10s %10s\n", "recipe", "steps", "train",
                "validation", "seconds", "optimizer");
  std::string text = names[0] + line;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto number = [&](const char* key) { return rows[i][key].get<double>(); };
    std::snprintf(line, sizeof line, "  %-18s %7.0f %10.4f %10.4f %10.1f %9.1f%%\n",
                  rows[i]["recipe"].get<std::string>().c_str(), number("steps"),
                  number("train_loss"), number("val_loss"), number("seconds"),
                  100 * number("optimizer_share"));
    text += names[i + 1] + line;
  }
  return text;
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
