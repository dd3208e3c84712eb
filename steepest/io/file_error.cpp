// SPDX-License-Identifier: Apache-2.0
#include "steepest/io/file_error.h"

#include <cerrno>

namespace steepest {

bool FileError::unreadable() const {
  return code != 0 && code != ENOENT && code != ENOTDIR && code != EISDIR && code != ELOOP &&
         code != ENAMETOOLONG;
}

}  // namespace steepest
