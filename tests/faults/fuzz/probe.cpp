// SPDX-License-Identifier: Apache-2.0
// faults_probe replay PARSER FILE..: each file through the parser; exit 1 where one takes over 1 s
// or 256 MiB. faults_probe verify: reads checkpoint folders on stdin, answers a line each.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "tests/faults/fuzz/parsers.h"
#include "trainer/run/checkpoint.h"

namespace {

using namespace steepest;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double peak_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

int replay(const faults::Parser& parser, int count, char** files) {
  int slow = 0;
  for (int i = 0; i < count; ++i) {
    std::ifstream in(files[i], std::ios::binary);
    const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
    const double begin = now(), before = peak_mib();
    const auto said = parser.parse(bytes);
    const double seconds = now() - begin, mib = peak_mib() - before;
    slow += seconds > 1 || mib > 256;
    std::printf("%s\t%.3f\t%.0f\t%s\n", files[i], seconds, mib, said.c_str());
    std::fflush(stdout);  // the last line before a crash tells where
  }
  return slow == 0 ? 0 : 1;
}

int verify() {
  for (std::string folder; std::getline(std::cin, folder);) {
    try {
      const auto step = trainer::load_checkpoint(folder).step;
      std::cout << "ok " << step << std::endl;
    } catch (const trainer::CheckpointError& error) {  // damage
      std::cout << "refused " << faults::require_one_line(error.what()) << std::endl;
    } catch (const FileError& error) {  // it cannot be read
      std::cout << "refused " << faults::require_one_line(error.what()) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "undocumented " << error.what() << std::endl;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "verify") return verify();
  const auto* parser = argc > 2 ? faults::find_parser(argv[2]) : nullptr;
  if (command == "replay" && parser != nullptr) return replay(*parser, argc - 3, argv + 3);
  std::cerr << "usage: faults_probe replay PARSER FILE.. | verify" << std::endl;
  return 2;
}
