// SPDX-License-Identifier: Apache-2.0
// steepest eval RUN: the validation loss of its latest checkpoint, as one JSON line.
#include <cmath>
#include <iostream>
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

// Says on stderr how many batches the validation took and how many the run itself takes, where
// `batches` is not that number, as the two losses then differ; else prints nothing.
void note_batches(Session& session, int64_t batches) {
  const int64_t own = session.spec().eval_batches, used = session.validation_batches(own);
  if (used == batches) return;
  std::cerr << "validated on " << batches << " of " << session.validation_batches(0)
            << " batches; the run itself takes " << used << " (run.eval_batches): --batches " << own
            << " gives its number" << std::endl;
}

// Validates the run's latest checkpoint, and prints as a line of JSON the folder, the step, the
// loss, the accuracy where there is one, the number of batches, and the unit of the data.
void evaluate(const Options& o) {
  const auto session = open_run(o.run, o.set, DataUse::read);
  const auto found = session->evaluate(o.batches);
  nlohmann::ordered_json result{
      {"run", o.run}, {"step", session->step()}, {"val_loss", found.loss}};
  if (!std::isnan(found.accuracy)) result["val_accuracy"] = found.accuracy;
  if (!std::isnan(found.hellaswag)) result["hellaswag"] = found.hellaswag;
  result["batches"] = found.batches;
  result["unit"] = session->data().unit();
  note_batches(*session, found.batches);
  print_out(result.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace

// Adds `steepest eval RUN`, which prints the validation loss of a run's latest checkpoint as JSON;
// its callback sets `exit_code`.
void add_eval(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  auto* command = app.add_subcommand("eval", "Validation loss of a run's latest checkpoint");
  command->add_option("run", o->run, "Folder of the run")->required();
  command->add_option("--set", o->set, "Override a key of its config: --set data.path=..")
      ->expected(1)
      ->take_all();
  command->add_option("--batches", o->batches, "How many; 0: all the validation data")
      ->check(whole_number(0));
  command->callback([o, &exit_code] {
    evaluate(*o);
    exit_code = 0;
  });
}

}  // namespace steepest::trainer
