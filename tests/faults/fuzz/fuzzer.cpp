// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry: STEEPEST_PARSER names the parser.
#include <cstdio>
#include <cstdlib>

#include "tests/faults/fuzz/parsers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* parser = steepest::faults::find_parser(std::getenv("STEEPEST_PARSER"));
  if (parser == nullptr) std::abort();
  parser->parse({data, size});
  return 0;
}
