// SPDX-License-Identifier: Apache-2.0
// What is thrown where a file cannot be read or written, or holds the wrong thing.
#pragma once

#include <stdexcept>
#include <string>

#include "steepest/base/api.h"

namespace STEEPEST_API steepest {

// what() is one line: the file, what could not be done, and why.
struct FileError : std::runtime_error {
  explicit FileError(const std::string& what, int code = 0)
      : std::runtime_error(what), code(code) {}

  // The bytes could not be had this time, which says nothing about them; unlike a file that is
  // missing, of the wrong kind, or holds the wrong thing.
  bool unreadable() const;

  int code;  // the system's errno; 0 where what is there is wrong
};

}  // namespace steepest
