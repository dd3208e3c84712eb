// SPDX-License-Identifier: Apache-2.0
// steepest eval RUN: the validation loss of its latest checkpoint, as one JSON line.
#include <memory>
#include <nlohmann/json.hpp>

#include "trainer/commands/commands.h"
#include "trainer/commands/finished_run.h"
#include "trainer/run/output.h"

namespace steepest::trainer {
namespace {

struct Options {
  std::string run;
  std::vector<std::string> set;
  int64_t batches = 0;
};

}  // namespace

// Adds `steepest eval RUN`, which prints the validation loss of a run's latest checkpoint as JSON;
// its callback sets `exit_code`.
void add_eval(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  auto* command = app.add_subcommand("eval", "Validation loss of a run's latest checkpoint");
  command->add_option("run", o->run, "Folder of the run")->required();
  command->add_option("--set", o->set, "Override a key of its config: --set data.path=..")
      ->expected(1);
  command->add_option("--batches", o->batches, "How many; 0: all the validation data")
      ->check(whole_number(0));
  command->callback([o, &exit_code] {
    const auto session = open_run(o->run, o->set, DataUse::read);
    const nlohmann::ordered_json result{{"run", o->run},
                                        {"step", session->step()},
                                        {"val_loss", session->evaluate(o->batches)},
                                        {"unit", session->data().unit()}};
    print_out(result.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    exit_code = 0;
  });
}

}  // namespace steepest::trainer
