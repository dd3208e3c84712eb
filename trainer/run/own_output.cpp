// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/own_output.h"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>

#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/config/config.h"

namespace steepest::trainer {
namespace {

namespace fs = std::filesystem;

// One of each kind of file that a run writes, and the folders they lie in.
const std::vector<std::string> kFiles = {
    "config.toml", "metrics.jsonl",        "records.jsonl",           "env.json",
    ".lock",       "ckpt-1/manifest.json", "ckpt-1/model.safetensors"};
const std::vector<std::string> kFolders = {"", "ckpt-1"};

// The path as an absolute one without links and "..", whether it exists or not.
fs::path resolved_path(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(fs::absolute(path, error), error);
  const fs::path shown = error ? fs::absolute(path).lexically_normal() : whole;
  return shown.has_filename() ? shown : shown.parent_path();
}

// Whether the path is the folder or lies in it.
bool is_inside(const fs::path& path, const fs::path& folder) {
  const auto [left, end] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  (void)end;
  return left == folder.end();
}

// Whether the file's name ends in one of these extensions; an empty list allows all.
bool has_extension(const fs::path& path, const std::vector<std::string>& extensions) {
  return extensions.empty() || std::find(extensions.begin(), extensions.end(),
                                         path.extension().string()) != extensions.end();
}

// A glob whose folder before the first wildcard is resolved; what follows stays a pattern.
std::string resolved_pattern(const std::string& pattern) {
  const size_t slash = pattern.rfind('/', pattern.find_first_of("*?["));
  const std::string folder = slash == std::string::npos ? "." : pattern.substr(0, slash + 1);
  return resolved_path(folder).string() + "/" +
         (slash == std::string::npos ? pattern : pattern.substr(slash + 1));
}

// Whether glob(3) would find the path under this pattern: * and ? match neither / nor a leading
// dot.
bool matches(const std::string& pattern, const fs::path& path) {
  return ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
}

// Whether data under the path, folder or glob `data`, with these extensions, would include a file
// or folder that a run writes into `out`. It looks for them as find_files does, but for files that
// are not yet there, too.
bool reads_output(const std::string& data, const std::vector<std::string>& extensions,
                  const fs::path& out) {
  std::error_code ignored;
  const auto any = [&](const std::vector<std::string>& names, auto test) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return test(name.empty() ? out : out / name);
    });
  };
  if (fs::is_directory(data, ignored)) {
    return is_inside(out, resolved_path(data)) &&
           any(kFiles, [&](const fs::path& file) { return has_extension(file, extensions); });
  }
  if (fs::exists(fs::symlink_status(data, ignored)) ||
      data.find_first_of("*?[") == std::string::npos) {
    return any(kFiles,
               [&, file = resolved_path(data)](const fs::path& own) { return own == file; });
  }
  const auto test = [&, pattern = resolved_pattern(data)](const fs::path& path) {
    return matches(pattern, path);
  };
  return any(kFiles, test) || any(kFolders, test);
}

}  // namespace

void refuse_own_output(const RunSpec& spec) {
  if (spec.data.kind != "text" && spec.data.kind != "tokens") return;  // fixed names, or no files
  const auto extensions =
      spec.data.kind == "tokens" ? std::vector<std::string>{".bin"} : spec.data.extensions;
  const std::pair<const char*, const std::string*> sources[] = {
      {"data.path", &spec.data.path}, {"data.validation_path", &spec.data.validation_path}};
  for (const auto& [key, path] : sources) {
    if (path->empty() || !reads_output(*path, extensions, resolved_path(spec.out))) continue;
    throw ConfigError("run.out: received " + in_quotes(spec.out) + ", whose files " + key + " = " +
                      in_quotes(*path) + " would read as data, allowed a folder outside of it");
  }
}

}  // namespace steepest::trainer
