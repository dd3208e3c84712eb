// SPDX-License-Identifier: Apache-2.0
// Standard input, output and error as a command finds them, and results that must reach stdout.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace steepest::trainer {

// One line: stdout, and the system's reason.
struct OutputError : std::runtime_error {
  // Makes the error: `what` is the message, `reader_gone` says that stdout is a pipe which nobody
  // reads any more.
  OutputError(const std::string& what, bool reader_gone)
      : std::runtime_error(what), reader_gone(reader_gone) {}
  bool reader_gone;  // a pipe whose reader has ended: nobody wants the rest
};

// To be called first in main. Opens /dev/null for a descriptor from 0 to 2 that is closed, so that
// no file of the run gets its number and is written into; makes writing to a pipe without a reader
// an error instead of a signal.
void secure_standard_streams();

// Writes all of the text to stdout before it returns. Throws OutputError where that cannot be done.
void print_out(std::string_view text);

}  // namespace steepest::trainer
