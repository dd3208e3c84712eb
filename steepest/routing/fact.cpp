// SPDX-License-Identifier: Apache-2.0
#include "steepest/routing/fact.h"

#include <algorithm>

#include "steepest/routing/names.h"

namespace steepest::routing {
namespace {

bool has(const std::string& text, const std::string& fragment) {
  return text.find(fragment) != std::string::npos;
}

bool any_has(const std::string& text, std::initializer_list<const char*> fragments) {
  return std::any_of(fragments.begin(), fragments.end(),
                     [&](const char* fragment) { return has(text, fragment); });
}

}  // namespace

std::string kind(const Fact& f) {
  if (f.own.empty()) return "";
  const std::string& type = f.own.front();
  return type.starts_with("Parametrized") ? type.substr(12) : type;
}

std::string key(const Fact& f) {
  return !f.path.empty() && (f.leaf == "weight" || f.leaf == "kernel") ? f.path.back() : f.leaf;
}

std::string word(const Fact& f) {
  const bool numbered = f.leaf.find_first_not_of("0123456789") == std::string::npos;
  return numbered && !f.path.empty() ? f.path.back() : f.leaf;
}

bool is_a(const Fact& f, const std::string& type) {
  return std::find(f.own.begin(), f.own.end(), type) != f.own.end();
}

bool kind_has(const Fact& f, const std::string& fragment) { return has(kind(f), fragment); }

bool is_convolution(const Fact& f) {
  const size_t dims = f.shape.size();
  if (dims < 3) return false;
  if (!f.known) return f.leaf == "weight" && (dims > 3 || has(f.name, "conv"));
  if (is_a(f, "_ConvNd")) return true;
  // Graph convolutions are none: their stacks have no kernel.
  return kind_has(f, "Conv") && (dims > 3 || kind_has(f, "Conv1d") || kind_has(f, "Transpose1d") ||
                                 number(f.numbers, {"kernel_size", "in_channels"}) > 0);
}

bool is_linear(const Fact& f) {
  if (f.shape.size() != 2 || f.leaf != "weight") return false;
  return !f.known || kind(f) == "Conv1D" || is_a(f, "Linear") || kind_has(f, "Linear");
}

bool is_lora(const Fact& f) {
  const auto steps = "." + f.name + ".";
  return any_has(steps, {".lora_A.", ".lora_B.", ".lora_down.", ".lora_up."});
}

bool is_bare(const Fact& f) { return !is_linear(f) && !is_convolution(f); }

bool is_output(const Fact& f) { return !is_bare(f) && !f.gain && !is_lora(f); }

bool is_embedding(const Fact& f) {
  if (is_convolution(f) || f.shape.size() < 2 || f.gain) return false;
  if (!f.known) return kEmbedding.match(key(f)) && !is_lora(f);
  if (is_a(f, "Embedding") || is_a(f, "EmbeddingBag")) return true;
  return kind_has(f, "Embed") && !is_linear(f);
}

int64_t wide_dims(const Fact& f) {
  return std::count_if(f.shape.begin(), f.shape.end(), [](int64_t size) { return size != 1; });
}

std::optional<int64_t> number(const Numbers& numbers, const std::vector<std::string>& names) {
  for (const char* source : {"", "config."}) {
    for (const auto& name : names) {
      const auto found = numbers.find(source + name);
      if (found != numbers.end() && found->second > 0) return found->second;
    }
  }
  return std::nullopt;
}

std::optional<bool> flag(const Numbers& numbers, const std::string& name) {
  const auto found = numbers.find(name);
  if (found == numbers.end()) return std::nullopt;
  return found->second != 0;
}

std::string joined(const std::vector<std::string>& path, size_t steps) {
  std::string text;
  for (size_t i = 0; i < steps; ++i) text += path[i] + ".";
  return text;
}

}  // namespace steepest::routing
