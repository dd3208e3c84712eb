// SPDX-License-Identifier: Apache-2.0
#include "trainer/run/data_paths.h"

#include <filesystem>

#include "trainer/text.h"

namespace steepest::trainer {

std::string absolute_data_path(const std::string& path) {
  namespace fs = std::filesystem;
  constexpr char kWild[] = "*?[";
  if (path.empty() || path.starts_with('/')) return path;
  std::error_code error;
  const fs::path here = fs::current_path(error);
  if (error || invalid_utf8(here.string())) return path;
  const bool glob = path.find_first_of(kWild) != path.npos;
  if (glob && here.string().find_first_of("*?[\\") != std::string::npos) return path;
  // "." and "./" before a name say nothing; ".." stays, as a link may stand before it.
  std::string rest = path;
  while (rest.starts_with("./")) rest.erase(0, rest.find_first_not_of('/', 1));
  return rest == "." || rest.empty() ? here.string() : (here / rest).string();
}

RunSpec with_absolute_data(RunSpec spec) {
  for (auto* path : {&spec.data.path, &spec.data.validation_path, &spec.schedule.path})
    *path = absolute_data_path(*path);
  if (spec.data.hellaswag) *spec.data.hellaswag = absolute_data_path(*spec.data.hellaswag);
  if (spec.start_from) *spec.start_from = absolute_data_path(*spec.start_from);
  return spec;
}

}  // namespace steepest::trainer
