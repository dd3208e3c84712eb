// SPDX-License-Identifier: Apache-2.0
#include "steepest/routing/fact.h"

#include <algorithm>

#include "steepest/routing/names.h"

namespace steepest::routing {
namespace {

// Whether the fragment occurs anywhere in the text.
bool contains(const std::string& text, const std::string& fragment) {
  return text.find(fragment) != std::string::npos;
}

// Whether one of the fragments occurs anywhere in the text.
bool contains_any(const std::string& text, std::initializer_list<const char*> fragments) {
  return std::any_of(fragments.begin(), fragments.end(),
                     [&](const char* fragment) { return contains(text, fragment); });
}

}  // namespace

std::string owner_type(const Fact& f) {
  if (f.own.empty()) return "";
  const std::string& type = f.own.front();
  return type.starts_with("Parametrized") ? type.substr(12) : type;
}

std::string purpose_name(const Fact& f) {
  return !f.path.empty() && (f.leaf == "weight" || f.leaf == "kernel") ? f.path.back() : f.leaf;
}

std::string own_name(const Fact& f) {
  const bool numbered = f.leaf.find_first_not_of("0123456789") == std::string::npos;
  return numbered && !f.path.empty() ? f.path.back() : f.leaf;
}

bool is_a(const Fact& f, const std::string& type) {
  return std::find(f.own.begin(), f.own.end(), type) != f.own.end();
}

bool owner_type_contains(const Fact& f, const std::string& fragment) {
  return contains(owner_type(f), fragment);
}

bool is_convolution_weight(const Fact& f) {
  const size_t dims = f.shape.size();
  if (dims < 3) return false;
  if (!f.known) return f.leaf == "weight" && (dims > 3 || contains(f.name, "conv"));
  if (is_a(f, "_ConvNd")) return true;
  // Graph convolutions are none: their stacks have no kernel.
  return owner_type_contains(f, "Conv") &&
         (dims > 3 || owner_type_contains(f, "Conv1d") || owner_type_contains(f, "Transpose1d") ||
          find_number(f.numbers, {"kernel_size", "in_channels"}) > 0);
}

bool is_linear_weight(const Fact& f) {
  if (f.shape.size() != 2 || f.leaf != "weight") return false;
  return !f.known || owner_type(f) == "Conv1D" || is_a(f, "Linear") ||
         owner_type_contains(f, "Linear");
}

bool is_lora(const Fact& f) {
  const auto steps = "." + f.name + ".";
  return contains_any(steps, {".lora_A.", ".lora_B.", ".lora_down.", ".lora_up."});
}

bool is_bare(const Fact& f) { return !is_linear_weight(f) && !is_convolution_weight(f); }

bool is_layer_weight(const Fact& f) { return !is_bare(f) && !f.gain && !is_lora(f); }

bool is_embedding(const Fact& f) {
  if (is_convolution_weight(f) || f.shape.size() < 2 || f.gain) return false;
  if (!f.known) return kEmbedding.match(purpose_name(f)) && !is_lora(f);
  if (is_a(f, "Embedding") || is_a(f, "EmbeddingBag")) return true;
  return owner_type_contains(f, "Embed") && !is_linear_weight(f);
}

int64_t count_wide_dims(const Fact& f) {
  return std::count_if(f.shape.begin(), f.shape.end(), [](int64_t size) { return size != 1; });
}

std::optional<int64_t> find_number(const Numbers& numbers, const std::vector<std::string>& names) {
  for (const char* source : {"", "config."}) {
    for (const auto& name : names) {
      const auto found = numbers.find(source + name);
      if (found != numbers.end() && found->second > 0) return found->second;
    }
  }
  return std::nullopt;
}

std::optional<bool> find_flag(const Numbers& numbers, const std::string& name) {
  const auto found = numbers.find(name);
  if (found == numbers.end()) return std::nullopt;
  return found->second != 0;
}

std::string path_prefix(const std::vector<std::string>& path, size_t steps) {
  std::string text;
  for (size_t i = 0; i < steps; ++i) text += path[i] + ".";
  return text;
}

}  // namespace steepest::routing
