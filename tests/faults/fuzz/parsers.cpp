// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/fuzz/parsers.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace steepest::faults {
namespace {

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "faults-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

}  // namespace

std::string file_of(Bytes bytes, const std::string& name) {
  static const Folder folder;
  const std::string path = folder.path + "/" + name;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) std::abort();
  return path;
}

std::string require_one_line(std::string message) {
  bool good = !message.empty() && message.size() <= 2000;
  for (const unsigned char c : message) good = good && c >= 0x20 && c != 0x7f;
  if (good) return message;
  std::fprintf(stderr, "not one printable line of 1 to 2000 bytes: <<%s>>\n",
               message.substr(0, 4000).c_str());
  std::abort();
}

const std::vector<Parser>& parsers() {
  static const std::vector<Parser> all = {{"safetensors", read_safetensors_file},
                                          {"header", read_safetensors_header},
                                          {"manifest", read_manifest},
                                          {"metrics", read_metrics},
                                          {"tokens", read_tokens},
                                          {"questions", read_question_file},
                                          {"cifar10", read_cifar10},
                                          {"text", read_text},
                                          {"config", read_config},
                                          {"override", read_override},
                                          {"plan", read_plan},
                                          {"recipe", read_recipe}};
  return all;
}

const Parser* find_parser(const std::string& name) {
  for (const auto& parser : parsers()) {
    if (name == parser.name) return &parser;
  }
  return nullptr;
}

}  // namespace steepest::faults
