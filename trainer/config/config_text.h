// SPDX-License-Identifier: Apache-2.0
// What a run file's text must be before a TOML parser sees it.
#pragma once

#include <string>
#include <string_view>

namespace steepest::trainer {

constexpr size_t kLongestConfig = size_t{1} << 20;  // bytes

struct TextFault {
  size_t line = 0;   // from 1; 0: none
  std::string what;  // received and allowed
};

// The first fault for which a text is refused before the TOML parser sees it: it is not UTF-8, has
// a control character, or has, outside of quotes and comments, a character that TOML allows only
// within them, a '[' without a name, a quote within a key, or more dots than any run file needs
// (each may nest a table in another). Its line is 0 where there is none.
TextFault find_fault(std::string_view text);

}  // namespace steepest::trainer
