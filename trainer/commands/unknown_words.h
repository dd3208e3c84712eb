// SPDX-License-Identifier: Apache-2.0
// What to say of a word on the command line that is no command and no option.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace steepest::trainer {

// Returns the message on the first word that neither `app` nor the command that was chosen takes,
// with what is allowed and the nearest of it; "" where every word was taken. Asked after a parse
// that failed: `argc` and `argv` are main's.
std::string unknown_word_message(const CLI::App& app, int argc, const char* const* argv);

}  // namespace steepest::trainer
