// SPDX-License-Identifier: Apache-2.0
// steepest: train, evaluate, sample, compare, list, info. Data on stdout, progress and errors on
// stderr.
#include <c10/util/Exception.h>

#include <iostream>

#include "trainer/commands/commands.h"
#include "trainer/config.h"
#include "trainer/cpu_guard.h"
#include "trainer/data/dataset.h"
#include "trainer/exit_code.h"
#include "trainer/manifest.h"
#include "trainer/run_folder.h"
#include "trainer/version.h"

namespace {

using namespace steepest::trainer;

int fail(const std::string& message, int code) {
  std::cerr << "steepest: " << message << std::endl;
  return code;
}

// CLI11 runs the chosen subcommand's callback while it parses.
int run(CLI::App& app, int argc, char** argv, const int& exit_code) {
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  } catch (const ConfigError& error) {
    return fail(error.what(), kUsage);
  } catch (const DataError& error) {
    return fail(error.what(), kData);
  } catch (const CheckpointError& error) {
    return fail(error.what(), kCheckpoint);
  } catch (const RunError& error) {
    return fail(error.what(), kCheckpoint);
  } catch (const steepest::FileError& error) {
    return fail(error.what(), kCheckpoint);
  } catch (const c10::ValueError& error) {
    return fail(error.what_without_backtrace(), kUsage);
  } catch (const c10::Error& error) {
    return fail(error.what_without_backtrace(), kFailed);
  } catch (const std::invalid_argument& error) {
    return fail(error.what(), kUsage);
  } catch (const std::exception& error) {
    return fail(error.what(), kFailed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Non-Euclidean steepest descent: trains, compares and explains the Muon family."};
  app.name("steepest");
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 failed, 2 usage, run file or recipe, 3 data, 4 checkpoint, run folder "
      "or "
      "disk,\n5 too many steps refused for NaN or Inf, 130 and 143 stopped by SIGINT and SIGTERM "
      "(the "
      "step was saved).");
  int exit_code = kDone;
  add_train(app, exit_code);
  add_eval(app, exit_code);
  add_sample(app, exit_code);
  add_compare(app, exit_code);
  add_list(app, exit_code);
  add_info(app, exit_code);
  avoid_broken_amx();
  return run(app, argc, argv, exit_code);
}
