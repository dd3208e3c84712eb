// SPDX-License-Identifier: Apache-2.0
#include "steepest/io/file_error.h"

#include <cerrno>

namespace steepest {

// Missing, no folder on the way, a folder, links in a circle, too long a name: these are answers.
bool FileError::unreadable() const {
  return code != 0 && code != ENOENT && code != ENOTDIR && code != EISDIR && code != ELOOP &&
         code != ENAMETOOLONG;
}

}  // namespace steepest
