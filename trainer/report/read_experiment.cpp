// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/read_experiment.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/config/config.h"
#include "trainer/report/fields.h"
#include "trainer/report/read_contrasts.h"
#include "trainer/report/runs.h"
#include "trainer/run/run_folder.h"
#include "trainer/sweep/table.h"

namespace steepest::trainer {
namespace {

namespace fs = std::filesystem;

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// Whether the folder is one of an experiment.
bool is_experiment(const std::string& folder) {
  return exists(folder + "/expected.json") || exists(folder + "/verdict.json");
}

// The folders in `folder` that are to be looked into, in the order of their names.
std::vector<std::string> folders_in(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> found;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const bool own = entry->is_directory(error) && !entry->is_symlink(error);
    if (!error && own && entry->path().filename() != "runs") found.push_back(entry->path());
  }
  if (error) throw RunError(folder + ": cannot read: " + error.message());
  std::sort(found.begin(), found.end());
  return found;
}

// Adds the experiments at `folder` and below, named from the length of the report's folder on.
void add_experiments(const std::string& folder, size_t root, std::vector<Experiment>& found) {
  if (is_experiment(folder)) {
    const auto name = folder.size() > root ? folder.substr(root + 1) : std::string(".");
    found.push_back(read_experiment(folder, name));
  }
  for (const auto& below : folders_in(folder)) add_experiments(below, root, found);
}

// Whether a line of a README is a command; it stands in code, indented or between fences.
bool is_command(const std::string& line) {
  for (const char* first : {"steepest ", "python ", "make "})
    if (line.starts_with(first)) return true;
  return false;
}

// Takes the title and the commands from the README, if there is one.
void read_readme(Experiment& experiment) {
  const std::string path = experiment.folder + "/README.md";
  if (!exists(path)) return;
  std::istringstream text(read_file(path));
  bool fenced = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("```")) fenced = !fenced;
    if (!fenced && line.starts_with("# ") && experiment.title.empty())
      experiment.title = line.substr(2);
    const bool code = fenced || line.starts_with("    ");
    const auto first = line.find_first_not_of(' ');
    if (code && first != line.npos && is_command(line.substr(first)))
      experiment.commands.push_back(line.substr(first));
  }
}

// Reads the lines of the table: beside the claims, or where the sweep has left it.
void read_table(Experiment& experiment) {
  for (const char* place : {"/table.jsonl", "/sweep/table.jsonl"}) {
    const std::string path = experiment.folder + place;
    if (!exists(path)) continue;
    const auto text = read_file(path);
    experiment.lines = parse_table(text, path);
    if (!text.empty() && text.back() != '\n')
      experiment.missing.push_back("The last line of " + std::string(place + 1) +
                                   " is cut off and left out.");
    if (experiment.lines.empty())
      experiment.missing.push_back(std::string(place + 1) + " has no runs.");
    return;
  }
  experiment.missing.push_back("There is no table.jsonl: no runs, no curves.");
}

// Reads the TOML files beside the claims, which say what was run.
void read_settings(Experiment& experiment) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(experiment.folder, error))
    if (entry.path().extension() == ".toml" && entry.is_regular_file(error))
      paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) experiment.files.emplace_back(path.filename(), read_file(path));
}

// The claims of which no experiment has a folder, as a section of their own.
Experiment claims_without(const std::string& path) {
  Experiment section{.name = "not_run.json", .title = "Claims without an experiment"};
  const auto json = read_json(path);
  for (const auto& fields : Fields(json, path).objects("contrasts"))
    section.contrasts.push_back({.id = fields.text("id"),
                                 .claim = fields.text("claim"),
                                 .verdict = kUntested,
                                 .why = fields.text("not_tested")});
  return section;
}

}  // namespace

Experiment read_experiment(const std::string& folder, const std::string& name) {
  Experiment experiment{.folder = folder, .name = name};
  read_readme(experiment);
  read_contrasts(experiment);
  read_table(experiment);
  read_settings(experiment);
  const auto rows = rows_of_lines(experiment.lines);
  for (auto& contrast : experiment.contrasts)
    contrast.trials = trials_text(rows, contrast.expression);
  if (experiment.title.empty())
    experiment.title = experiment.question.empty() ? name : experiment.question;
  return experiment;
}

std::vector<Experiment> read_experiments(const std::string& folder) {
  if (!is_folder(folder))
    throw ConfigError("report: received " + in_quotes(folder) + ", allowed a folder");
  std::string root = folder;
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  std::vector<Experiment> found;
  add_experiments(root, root.size(), found);
  if (const auto path = root + "/not_run.json"; exists(path)) found.push_back(claims_without(path));
  if (found.empty())
    throw ConfigError("report: received " + in_quotes(folder) +
                      ", allowed a folder with an expected.json or a verdict.json in it or below");
  return found;
}

}  // namespace steepest::trainer
