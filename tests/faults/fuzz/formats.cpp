// SPDX-License-Identifier: Apache-2.0
// The formats of the library and of a run folder.
#include <c10/util/Exception.h>

#include <cstring>
#include <filesystem>

#include "steepest/base/spec.h"
#include "steepest/io/safetensors.h"
#include "steepest/io/safetensors_header.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/serialize/plan_json.h"
#include "steepest/serialize/recipe_json.h"
#include "tests/faults/fuzz/parsers.h"
#include "trainer/config/config.h"
#include "trainer/run/manifest.h"
#include "trainer/run/metrics.h"

namespace steepest::faults {
namespace {

std::string text_of(Bytes bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// The refusal of `body` as the documented exception, or "".
template <class Error, class Body>
std::string refusal(const Body& body) {
  try {
    body();
    return "";
  } catch (const Error& error) {
    if constexpr (std::is_base_of_v<c10::Error, Error>) {
      return require_one_line(error.what_without_backtrace());
    } else {
      return require_one_line(error.what());
    }
  }
}

}  // namespace

std::string read_safetensors_file(Bytes bytes) {
  const auto path = file_of(bytes, "file.safetensors");
  return refusal<FileError>([&] { read_safetensors(path); });
}

// The header alone, so that no checksum stands in the fuzzer's way: the first 8 bytes are the size
// of the data.
std::string read_safetensors_header(Bytes bytes) {
  if (bytes.size() < 8) return "too short for an input";
  uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  return refusal<FileError>([&] { parse_header("header", text_of(bytes), size); });
}

std::string read_manifest(Bytes bytes) {
  // Once as it is, once with the checksum made right: otherwise nothing behind it is reached.
  const auto as_it_is = refusal<trainer::CheckpointError>(
      [&] { trainer::parse_manifest("manifest.json", text_of(bytes)); });
  const std::string start = "{\n  \"crc32\": \"";
  std::string text = start + "00000000" + text_of(bytes);
  text.replace(start.size(), 8, crc32_text(crc32_of(text.data(), text.size())));
  refusal<trainer::CheckpointError>([&] { trainer::parse_manifest("manifest.json", text); });
  return as_it_is;
}

std::string read_metrics(Bytes bytes) {
  const auto path = file_of(bytes, "metrics.jsonl");
  return refusal<FileError>([&] { trainer::Metrics::resume(path, 10); });
}

std::string read_config(Bytes bytes) {
  return refusal<trainer::ConfigError>([&] {
    const auto spec = trainer::parse_config(text_of(bytes), "run.toml");
    const auto written = trainer::resolved_toml(spec);
    if (trainer::resolved_toml(trainer::parse_config(written, "again")) != written) std::abort();
  });
}

std::string read_override(Bytes bytes) {
  return refusal<trainer::ConfigError>(
      [&] { trainer::parse_config("", "options", {text_of(bytes)}); });
}

std::string read_plan(Bytes bytes) {
  const auto text = text_of(bytes);
  refusal<c10::Error>([&] { overrides_from_json(text); });
  return refusal<c10::Error>([&] { plan_from_json(text); });
}

std::string read_recipe(Bytes bytes) {
  const auto text = text_of(bytes);
  refusal<c10::Error>([&] { parse_mixture(text); });
  refusal<c10::Error>([&] { make_norm(text, Solvers{}); });
  return refusal<c10::Error>([&] { recipe(text); });
}

}  // namespace steepest::faults
