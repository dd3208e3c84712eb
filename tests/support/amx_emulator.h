// SPDX-License-Identifier: Apache-2.0
// AMX in software, for a processor without it: while one of these lives, a tile instruction that
// the processor refuses is read from memory and done by the handler of SIGILL. The code under test
// is the very one that runs on AMX.
#pragma once

#include <csignal>
#include <cstdint>

namespace steepest::test {

class AmxEmulator {
 public:
  AmxEmulator();
  ~AmxEmulator();
  AmxEmulator(const AmxEmulator&) = delete;
  AmxEmulator& operator=(const AmxEmulator&) = delete;

  // How many instructions it has done; 0 on a processor that has them.
  int64_t instructions() const;

 private:
  struct sigaction before_ = {};
};

}  // namespace steepest::test
