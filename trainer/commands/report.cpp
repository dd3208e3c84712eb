// SPDX-License-Identifier: Apache-2.0
// steepest report DIR: the experiments below a folder as one HTML page.
#include <iostream>
#include <memory>
#include <optional>

#include "steepest/io/atomic_file.h"
#include "trainer/commands/commands.h"
#include "trainer/config/config.h"
#include "trainer/report/glossary.h"
#include "trainer/report/page.h"
#include "trainer/report/read_experiment.h"
#include "trainer/run/output.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

struct Options {
  std::string folder;
  std::optional<std::string> out;
};

// Writes the page and prints its path; what the experiments lack is told on stderr.
void report(const Options& o) {
  if (o.folder.empty()) throw ConfigError("report: received nothing, allowed a folder");
  if (o.out && o.out->empty()) throw ConfigError("--out: received nothing, allowed a file");
  const auto experiments = read_experiments(o.folder);
  const std::string path = o.out.value_or(o.folder + "/report.html");
  write_file(path, page_of(experiments, read_glossary(o.folder)));
  for (const auto& experiment : experiments)
    for (const auto& told : experiment.missing)
      std::cerr << one_line(experiment.folder + ": " + told) << std::endl;
  print_out(one_line(path) + "\n");
}

}  // namespace

// Adds `steepest report DIR`, which writes the verdicts of its experiments as one HTML page; its
// callback sets `exit_code`.
void add_report(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("report", "The verdicts of experiments, with pictures, as an HTML page");
  command->add_option("folder", o->folder, "Folder with experiments in it or below")
      ->required()
      ->type_name("DIR");
  command->add_option("--out", o->out, "The page; default: report.html in the folder")
      ->type_name("FILE");
  command->callback([o, &exit_code] {
    report(*o);
    exit_code = 0;
  });
}

}  // namespace steepest::trainer
