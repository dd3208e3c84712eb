// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/instruction_set.h"

#include <c10/util/Exception.h>

#include <cstdlib>
#include <string_view>
#include <utility>

namespace steepest::cpu {
namespace {

constexpr std::pair<std::string_view, InstructionSet> kNames[] = {
    {"aten", InstructionSet::aten},
    {"avx2", InstructionSet::avx2},
    {"avx512", InstructionSet::avx512},
    {"avx512_bf16", InstructionSet::avx512_bf16},
    {"avx512_fp16", InstructionSet::avx512_fp16},
    {"amx", InstructionSet::amx}};

// Returns the instruction set that STEEPEST_CPU names, the largest of all where it is unset or
// empty. Throws c10::ValueError where it names none.
InstructionSet read_limit() {
  const std::string limit = cpu_limit();
  if (limit.empty()) return InstructionSet::amx;
  std::string allowed;
  for (const auto& [name, set] : kNames) {
    if (name == limit) return set;
    allowed += (allowed.empty() ? "" : ", ") + std::string(name);
  }
  C10_THROW_ERROR(ValueError, "STEEPEST_CPU: received \"" + limit + "\", allowed " + allowed);
}

}  // namespace

bool is_allowed(InstructionSet set) {
  static const InstructionSet limit = read_limit();
  return set <= limit;
}

std::string cpu_limit() {
  const char* const limit = std::getenv("STEEPEST_CPU");
  return limit == nullptr ? "" : limit;
}

}  // namespace steepest::cpu
