// SPDX-License-Identifier: Apache-2.0
// The subcommands of `steepest`, one file each. Each adds itself to the command line and leaves its
// exit code.
#pragma once

#include <CLI/CLI.hpp>

namespace steepest::trainer {

void add_train(CLI::App& app, int& exit_code);
void add_eval(CLI::App& app, int& exit_code);
void add_sample(CLI::App& app, int& exit_code);
void add_compare(CLI::App& app, int& exit_code);
void add_list(CLI::App& app, int& exit_code);
void add_info(CLI::App& app, int& exit_code);

}  // namespace steepest::trainer
