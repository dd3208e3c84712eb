// SPDX-License-Identifier: Apache-2.0
// Every row of the catalog and its Momo form on processes that share the model, however it lies on
// them, steps as one process does.
#include <gtest/gtest.h>

#include <cstdlib>

#include "steepest/optimizers/optimizers.h"
#include "tests/distributed/shared_run.h"

namespace steepest::test {
namespace {

const Placement kCopy{}, kRows{0}, kStrided{0, true};

// With LONG in the environment (make test-distributed) eight processes, too.
std::vector<NamedLayout> layouts() {
  std::vector<NamedLayout> all = {same_everywhere("replicated on 2", {2}, {kCopy}),
                                  same_everywhere("rows on 3", {3}, {kRows}),
                                  same_everywhere("rows on 4", {4}, {kRows}),
                                  same_everywhere("replicas of rows", {2, 2}, {kCopy, kRows})};
  if (std::getenv("LONG") == nullptr) return all;
  all.push_back(same_everywhere("replicated on 8", {8}, {kCopy}));
  all.push_back(same_everywhere("rows on 8", {8}, {kRows}));
  all.push_back(same_everywhere("replicas of rows on 8", {2, 4}, {kCopy, kRows}));
  return all;
}

class Parity : public testing::TestWithParam<std::string> {};

bool has_geometry(const Recipe& recipe) {
  return recipe.matrix.geometry != "none" || recipe.backup.geometry != "none";
}

TEST_P(Parity, StepsAsOneProcessDoes) {
  const auto recipe = steepest::recipe(GetParam(), exactly());
  const auto path = alone(recipe);
  for (const auto& [name, layout] : layouts()) {
    const bool sharded = name.find("rows") != std::string::npos;
    if (sharded && has_geometry(recipe)) continue;  // refused: see RefusesAGeometry
    std::vector<std::string> wrong(layout.processes());
    on_threads(layout.processes(), [&](ThreadGroup& group) {
      SharedRun run(recipe, layout, group);
      for (const auto& at : path.steps) run.step(at);
      for (size_t i = 0; i < run.values.size(); ++i) {
        const double off = largest_difference({run.values[i]}, {run.local(i, path.weights[i])});
        if (!(off <= 1e-11))
          wrong[group.rank()] += run.plan.params[i].name + " " + std::to_string(off) + "; ";
      }
    });
    for (const auto& line : wrong) EXPECT_EQ(line, "") << GetParam() << ", " << name;
  }
}

std::string plain(std::string name) {
  for (auto& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

// Every name that the catalog takes: Momo has no coupled decay.
std::vector<std::string> shareable_names() {
  auto names = optimizer_names();
  std::erase_if(names,
                [](const std::string& name) { return name == "sgd-momo" || name == "adam-momo"; });
  return names;
}

INSTANTIATE_TEST_SUITE_P(Rows, Parity, testing::ValuesIn(shareable_names()),
                         [](const auto& info) { return plain(info.param); });

}  // namespace
}  // namespace steepest::test
