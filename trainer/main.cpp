// SPDX-License-Identifier: Apache-2.0
// steepest: train, evaluate, sample, compare, sweep, report, list, polar-curve, polar-search, info.
// Data on stdout, progress and errors on stderr.
#include <c10/util/Exception.h>
#include <dlfcn.h>

#include <algorithm>
#include <iostream>
#include <new>
#include <sstream>

#include "trainer/commands/commands.h"
#include "trainer/commands/unknown_words.h"
#include "trainer/config/config.h"
#include "trainer/data/dataset.h"
#include "trainer/distributed/connect.h"
#include "trainer/distributed/launch.h"
#include "trainer/exit_code.h"
#include "trainer/run/cpu_guard.h"
#include "trainer/run/manifest.h"
#include "trainer/run/output.h"
#include "trainer/run/run_folder.h"
#include "trainer/run/wait_policy.h"
#include "trainer/text.h"
#include "trainer/version.h"

namespace {

using namespace steepest::trainer;

// Prints the message as one line on stderr; returns `code`, so that a caller ends with it.
int fail(const std::string& message, int code) {
  std::cerr << "steepest: " << one_line(message) << std::endl;
  return code;
}

// As fail, for errors of torch itself, whose several lines are joined by blanks: fail would show
// the breaks as \n.
int fail_joined(std::string message, int code) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  return fail(message, code);
}

// Prints what CLI11 throws while it parses: help and version on stdout, all else as an error.
// Returns kDone for the former, kUsage for an error, kFailed where stdout cannot be written. `argc`
// and `argv` are main's.
int fail_usage(const CLI::App& app, const CLI::ParseError& error, int argc,
               const char* const* argv) {
  if (error.get_exit_code() != 0) {
    const auto unknown = unknown_word_message(app, argc, argv);
    return fail((unknown.empty() ? error.what() : unknown) + "; steepest --help says more", kUsage);
  }
  std::ostringstream text;  // help and version
  app.exit(error, text, text);
  try {
    print_out(text.str());
  } catch (const OutputError& unprinted) {
    return fail(unprinted.what(), kFailed);
  }
  return kDone;
}

// Reports the exception that is being handled, one of torch's or the standard library's: what was
// refused is a fault of usage, all else is a failure of the program. Returns the exit code.
int fail_for_library_error() {
  try {
    throw;
  } catch (const c10::ValueError& error) {
    return fail(error.what_without_backtrace(), kUsage);
  } catch (const c10::Error& error) {
    return fail_joined(error.what_without_backtrace(), kFailed);
  } catch (const std::invalid_argument& error) {
    return fail(error.what(), kUsage);
  } catch (const std::bad_alloc&) {
    return fail("out of memory", kFailed);
  } catch (const std::length_error&) {
    return fail("out of memory", kFailed);
  } catch (const std::exception& error) {
    return fail_joined(error.what(), kFailed);
  }
}

// Parses the command line, in which CLI11 runs the chosen subcommand's callback. Returns the
// `exit_code` that the callback has set, or the one that stands for the error it threw.
int run(CLI::App& app, int argc, char** argv, const int& exit_code) {
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::ParseError& error) {
    return fail_usage(app, error, argc, argv);
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
  } catch (const LostProcess& error) {
    return is_told_of() ? kLost : fail(error.what(), kLost);
  } catch (const std::exception&) {
    return fail_for_library_error();
  }
}

constexpr char kExitCodes[] =
    "Exit codes: 0 done; 1 failed (memory, a result that cannot be printed); 2 usage, run file or\n"
    "recipe; 3 data; 4 checkpoint, run folder or disk; 5 NaN or Inf: too many steps in a row, the\n"
    "weights or the last validation loss (the last good checkpoint is kept and named); 6 a "
    "process\n"
    "of the run was lost (the last checkpoint is kept); 128 + n stopped by signal n (130 SIGINT,\n"
    "143 SIGTERM, 129 SIGHUP, ..): the step was finished and saved.";

// Loads torch's CUDA library, which registers the "cuda" device, in a build that is linked to no
// certain torch; does nothing where this torch has none. Other builds link the library.
void load_cuda() {
#ifdef STEEPEST_LOAD_CUDA
  dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
#endif
}

}  // namespace

// Returns an ExitCode. Each add_ function adds a subcommand, whose callback does the work and sets
// `exit_code`. How threads wait is settled before all else, the standard streams are
// secured before any file is opened, and AMX is tried before
// torch's first operation.
int main(int argc, char** argv) {
  wait_briefly(argv);
  secure_standard_streams();
  load_cuda();
  CLI::App app{"Non-Euclidean steepest descent: trains, compares and explains the Muon family."};
  app.name("steepest");
  app.set_version_flag("--version", version_text, "Version, commit, torch and kernels in use");
  app.require_subcommand(1);
  app.footer(kExitCodes);
  int exit_code = kDone;
  add_train(app, exit_code);
  add_eval(app, exit_code);
  add_sample(app, exit_code);
  add_compare(app, exit_code);
  add_sweep(app, exit_code);
  add_report(app, exit_code);
  add_list(app, exit_code);
  add_polar_curve(app, exit_code);
  add_polar_search(app, exit_code);
  add_info(app, exit_code);
  avoid_broken_amx();
  return run(app, argc, argv, exit_code);
}
