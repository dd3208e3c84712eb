// SPDX-License-Identifier: Apache-2.0
// The subcommands of `steepest`, one file each. Each adds itself to the command line and leaves its
// exit code.
#pragma once

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdint>
#include <string>

namespace steepest::trainer {

// Returns a check, for an option of a command, that its text is a whole number from `low` to
// `high`: CLI11 itself takes what is too large as the largest. The check returns "" for such a
// text, else the message.
inline CLI::Validator whole_number(int64_t low, int64_t high = INT64_MAX) {
  const auto check = [=](const std::string& text) -> std::string {
    int64_t value = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value);
    if (error == std::errc() && end == last && value >= low && value <= high) return "";
    return "received " + text + ", allowed a whole number from " + std::to_string(low) +
           (high == INT64_MAX ? "" : " to " + std::to_string(high));
  };
  return CLI::Validator(check, "");
}

// Each adds one subcommand to the command line. CLI11 runs its callback where it is chosen, which
// leaves the command's exit code in `exit_code`.
void add_train(CLI::App& app, int& exit_code);
void add_eval(CLI::App& app, int& exit_code);
void add_sample(CLI::App& app, int& exit_code);
void add_compare(CLI::App& app, int& exit_code);
void add_list(CLI::App& app, int& exit_code);
void add_sweep(CLI::App& app, int& exit_code);
void add_report(CLI::App& app, int& exit_code);
void add_polar_curve(CLI::App& app, int& exit_code);
void add_polar_search(CLI::App& app, int& exit_code);
void add_info(CLI::App& app, int& exit_code);

}  // namespace steepest::trainer
