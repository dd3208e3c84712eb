// SPDX-License-Identifier: Apache-2.0
// steepest train CONFIG [--set key=value ..] | --resume RUN | --dry-run
#include <iostream>
#include <memory>

#include "trainer/commands/commands.h"
#include "trainer/config.h"
#include "trainer/loop.h"
#include "trainer/session.h"

namespace steepest::trainer {
namespace {

struct Options {
  std::string config, resume;
  std::vector<std::string> set;
  bool dry_run = false, quiet = false, help_config = false;
};

// The plan of a run, nothing written: the resolved config, the model, and every parameter's fate.
void print_dry_run(const RunSpec& spec) {
  Session session(spec);
  std::cout << resolved_toml(spec) << "\n"
            << describe(session.model()) << "\n"
            << session.groups() << "\n"
            << print_plan(session.optimizer().plan()) << "\n"
            << session.data().describe() << std::endl;
}

int train(const Options& o) {
  if (o.help_config) {
    std::cout << config_help();
    return 0;
  }
  const bool resume = !o.resume.empty();
  auto overrides = o.set;
  if (resume) overrides.push_back("run.out=\"" + o.resume + "\"");
  const auto file = resume && o.config.empty() ? o.resume + "/config.toml" : o.config;
  const auto spec = load_config(file, overrides);
  if (o.dry_run) {
    print_dry_run(spec);
    return 0;
  }
  return run_training(spec, {.resume = resume, .quiet = o.quiet});
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  auto* command = app.add_subcommand("train", "Train a model as a run file says");
  command->add_option("config", o->config, "TOML run file; without one, the defaults");
  command->add_option("--set", o->set, "Override a key: --set optimizer.lr=0.02 (repeatable)")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  command->add_option("--resume", o->resume, "Go on with the run in this folder")->type_name("RUN");
  command->add_flag("--dry-run", o->dry_run, "Print config, model and routing; write nothing");
  command->add_flag("--quiet", o->quiet, "No progress on stderr");
  command->add_flag("--help-config", o->help_config, "Every key of a run file, with its default");
  command->callback([o, &exit_code] { exit_code = train(*o); });
}

}  // namespace steepest::trainer
