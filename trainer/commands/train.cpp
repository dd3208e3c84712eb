// SPDX-License-Identifier: Apache-2.0
// steepest train CONFIG [--set key=value ..] | --resume RUN | --dry-run
#include <algorithm>
#include <memory>
#include <optional>

#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/commands/commands.h"
#include "trainer/config/config.h"
#include "trainer/config/presets.h"
#include "trainer/distributed/launch.h"
#include "trainer/distributed/world.h"
#include "trainer/dry_run.h"
#include "trainer/exit_code.h"
#include "trainer/loop.h"
#include "trainer/run/data_paths.h"
#include "trainer/run/output.h"
#include "trainer/run/own_output.h"
#include "trainer/text.h"

namespace steepest::trainer {
namespace {

struct Options {
  std::optional<std::string> config, preset, resume;
  std::vector<std::string> set, allow_change;
  std::optional<int64_t> nproc;
  bool dry_run = false, quiet = false, help_config = false;
};

// Returns the spec of a named run file under overrides; throws ConfigError for another name.
RunSpec preset_spec(const std::string& name, const std::vector<std::string>& overrides) {
  if (find_preset(name) == nullptr)
    throw ConfigError("--preset: received " + in_quotes(one_line(name, 100)) + ", allowed " +
                      join(preset_names()) + nearest(name.substr(0, 100), preset_names()));
  return parse_config("preset = '" + name + "'", "preset " + name, overrides);
}

// Returns the run's spec: from the run file, or the preset, or with --resume from that folder's own
// config.toml unless a file is given. With --resume a run.out that names another folder throws
// ConfigError. The folder is set as a value, not as a piece of TOML: it may hold quotes and
// backslashes.
RunSpec spec_of(const Options& o) {
  if (o.preset) return preset_spec(*o.preset, o.set);
  if (!o.resume) return load_config(o.config.value_or(""), o.set);
  RunSpec spec = load_config(o.config.value_or(*o.resume + "/config.toml"), o.set);
  const bool set = std::any_of(o.set.begin(), o.set.end(),
                               [](const std::string& text) { return text.starts_with("run.out"); });
  if (set && spec.out != *o.resume)
    throw ConfigError("run.out: received " + in_quotes(spec.out) + " with --resume " +
                      in_quotes(*o.resume) + ", allowed that folder: a run goes on where it lies");
  spec.out = *o.resume;
  return spec;
}

// Throws ConfigError unless run.out is given and is UTF-8, so that the run's config.toml can hold
// it.
void require_out(const RunSpec& spec, const Options& o) {
  if (spec.out.empty())
    throw ConfigError("run.out: received nothing, allowed the folder to write the run into");
  if (const auto at = invalid_utf8(spec.out))
    throw ConfigError((o.resume ? "--resume: received " : "run.out: received ") +
                      in_quotes(one_line(spec.out)) + ", whose byte " + std::to_string(*at) +
                      " is not UTF-8, allowed a name that config.toml can hold");
}

// Throws ConfigError unless the number of --nproc is one or more, and that of the world where
// something else, such as torchrun, has started the processes.
void require_nproc(const Options& o, const std::optional<World>& world) {
  if (!o.nproc) return;
  const std::string received = "--nproc: received " + std::to_string(*o.nproc);
  if (*o.nproc < 1) throw ConfigError(received + ", allowed 1 or more");
  if (world && *o.nproc != world->size)
    throw ConfigError(received + " where WORLD_SIZE is " + std::to_string(world->size) +
                      ", allowed the same");
}

// Trains, in this process and those of its world, or in as many new ones as --nproc says; returns
// the exit code.
int start_training(const Options& o, const RunSpec& spec, const AllowedChanges& allowed) {
  const auto world = world_of_environment();
  require_nproc(o, world);
  const int64_t processes = world ? world->size : o.nproc.value_or(1);
  require_shareable(spec, processes);
  if (!world && processes > 1) return run_processes(processes, spec.out);
  return run_training(
      spec, {.resume = o.resume.has_value(), .quiet = o.quiet, .allowed = allowed, .world = world});
}

// Does what the options of `steepest train` say: prints the help or a dry run, or trains; returns
// the exit code.
int train(const Options& o) {
  if (o.help_config) {
    print_out(config_help());
    return kDone;
  }
  for (const auto& [name, value] : {std::pair("config", &o.config), {"--resume", &o.resume}}) {
    if (*value && (*value)->empty())
      throw ConfigError(std::string(name) + ": received nothing, allowed a path");
  }
  if (!o.allow_change.empty() && !o.resume)
    throw ConfigError("--allow-change: received without --resume, allowed with it");
  const AllowedChanges allowed(o.allow_change);
  const auto spec = with_absolute_data(spec_of(o));
  if (o.dry_run) {
    require_nproc(o, std::nullopt);
    require_shareable(spec, o.nproc.value_or(1));
    print_out(dry_run_text(spec, o.nproc.value_or(1)));
    return kDone;
  }
  require_out(spec, o);
  refuse_own_output(spec);
  return start_training(o, spec, allowed);
}

}  // namespace

// Adds `steepest train`, which starts or resumes a run, or prints what it would be; its
// callback sets `exit_code`.
void add_train(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  auto* command = app.add_subcommand("train", "Train a model as a run file says");
  auto* config =
      command->add_option("config", o->config, "TOML run file; without one, the defaults");
  command->add_option("--set", o->set, "Override a key: --set optimizer.lr=0.02 (repeatable)")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  auto* resume = command->add_option("--resume", o->resume, "Go on with the run in this folder")
                     ->type_name("RUN");
  command
      ->add_option("--preset", o->preset,
                   "A published experiment, in place of a run file: steepest list --presets")
      ->type_name("NAME")
      ->excludes(config)
      ->excludes(resume);
  command
      ->add_option("--allow-change", o->allow_change,
                   "With --resume: lr, steps or schedule may differ from the run's so far")
      ->type_name("KEY")
      ->expected(1)
      ->take_all();
  command->add_flag("--dry-run", o->dry_run,
                    "Print config, model, routing, memory and FLOPs; read and write nothing");
  command
      ->add_option("--nproc", o->nproc,
                   "Share the steps among so many processes on this machine; they divide the batch")
      ->type_name("N");
  command->add_flag("--quiet", o->quiet, "No progress on stderr");
  command->add_flag("--help-config", o->help_config, "Every key of a run file, with its default");
  command->callback([o, &exit_code] { exit_code = train(*o); });
}

}  // namespace steepest::trainer
