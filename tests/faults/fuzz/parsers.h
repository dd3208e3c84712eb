// SPDX-License-Identifier: Apache-2.0
// One entry a parser: any bytes go in; either they are taken, or the documented exception says in
// one line why not. Everything else is a fault: another exception, two lines, a crash, a hang.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace steepest::faults {

using Bytes = std::span<const uint8_t>;

struct Parser {
  const char* name;
  std::string (*parse)(Bytes);  // "" or the refusal
};

const std::vector<Parser>& parsers();
const Parser* find_parser(const std::string& name);  // nullptr: unknown

// A file of these bytes, in a folder of this process that is removed at the end.
std::string file_of(Bytes bytes, const std::string& name);

// Aborts, printing it, when a message is not one printable line of at most 2000 bytes.
std::string require_one_line(std::string message);

std::string read_safetensors_file(Bytes bytes);
std::string read_safetensors_header(Bytes bytes);
std::string read_manifest(Bytes bytes);
std::string read_metrics(Bytes bytes);
std::string read_tokens(Bytes bytes);
std::string read_question_file(Bytes bytes);
std::string read_cifar10(Bytes bytes);
std::string read_text(Bytes bytes);
std::string read_config(Bytes bytes);
std::string read_override(Bytes bytes);
std::string read_plan(Bytes bytes);
std::string read_recipe(Bytes bytes);

}  // namespace steepest::faults
