// SPDX-License-Identifier: Apache-2.0
#include "steepest/io/file_error.h"

#include <cerrno>

namespace steepest {

// A missing file, no folder on the way, a folder in its place, links in a circle and too long a
// name tell what the path leads to: these are no failure to read.
bool FileError::unreadable() const {
  return code != 0 && code != ENOENT && code != ENOTDIR && code != EISDIR && code != ELOOP &&
         code != ENAMETOOLONG;
}

}  // namespace steepest
