// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/read_metrics.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "steepest/io/file_io.h"
#include "trainer/run/bounded_json.h"
#include "trainer/run/run_folder.h"

namespace steepest::trainer {
namespace {

// Lists and objects within each other; no line of ours has more than two.
constexpr int kDepth = 16;
constexpr size_t kLongest = size_t{1} << 20;  // bytes of a line

}  // namespace

void for_each_metrics_line(const std::string& run,
                           const std::function<void(const nlohmann::ordered_json&)>& use) {
  const std::string path = run + "/metrics.jsonl", text = read_file(path);
  size_t number = 1;
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    const auto line = std::string_view(text).substr(begin, end - begin);
    const auto json = line.size() <= kLongest ? parse_bounded(line, kDepth) : std::nullopt;
    if (!json || !json->is_object() || !json->contains("step") ||
        !(*json)["step"].is_number_integer())
      throw RunError(path + ":" + std::to_string(number) + ": not a line of metrics");
    use(*json);
    ++number;
  }
}

}  // namespace steepest::trainer
