// SPDX-License-Identifier: Apache-2.0
#include "trainer/loop.h"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "trainer/begin.h"
#include "trainer/config/config.h"
#include "trainer/distributed/connect.h"
#include "trainer/distributed/follow.h"
#include "trainer/exit_code.h"
#include "trainer/record/recorder.h"
#include "trainer/resume.h"
#include "trainer/run/counters.h"
#include "trainer/run/metrics.h"
#include "trainer/run/output.h"
#include "trainer/run/progress.h"
#include "trainer/run/run_folder.h"
#include "trainer/run/signals.h"
#include "trainer/session.h"
#include "trainer/step_report.h"
#include "trainer/version.h"

namespace steepest::trainer {
namespace {

// NaN or Inf where the run cannot go on from; one line.
struct Diverged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The session of a run; a resumed one has in its checkpoint what it took from other runs.
Session new_session(const RunSpec& spec, bool resumed, const Team& team) {
  Session session(spec, DataUse::read, team);
  require_matches(spec.record, session.optimizer());
  if (!resumed) begin_run(session);
  return session;
}

// The signal that this process has received since, else the one that all have heard of; 0: none.
int stop_signal(const Team::Heard& heard) {
  const int own = StopSignals::received();
  return own != 0 ? own : heard.signal;
}

// One run between its folder, its session and the people who watch.
class Loop {
 public:
  // Builds the session, then makes the run's folder, or with options.resume goes to the latest
  // checkpoint of the one that is there; then opens the files of the folder. Throws where the spec
  // or the folder cannot be taken, before anything of an earlier run is overwritten. Last, it tells
  // the other processes of the team from which step it goes on.
  Loop(const RunSpec& spec, const LoopOptions& options, const Team& team)
      : spec_(require_round_trip(spec)),
        session_(new_session(spec, options.resume,
                             team)),  // first: what it refuses leaves no folder behind
        folder_(options.resume ? RunFolder::resume(spec.out) : RunFolder::create(spec.out)),
        progress_(STDERR_FILENO, detect_progress(STDERR_FILENO, spec.log_every)),
        quiet_(options.quiet) {
    for (const auto& line : folder_.warnings()) progress_.note(line);
    // Refuses a foreign run before anything is written.
    if (options.resume) restore(options.allowed);
    RunSpec kept = spec;
    kept.data.accept_changed = false;           // that was for this start only
    folder_.write_config(resolved_toml(kept));  // from here on there is a run to resume
    const auto metrics = folder_ / "metrics.jsonl";
    const bool exists = access(metrics.c_str(), F_OK) == 0;
    metrics_ = std::make_unique<Metrics>(exists ? Metrics::resume(metrics, session_.step())
                                                : Metrics::create(metrics));
    recorder_ =
        std::make_unique<Recorder>(spec_.record, folder_ / "records.jsonl", session_.step());
    folder_.add_environment({kVersion, spec.device, team.size()});
    team.hear(session_.step());
  }

  // Trains to the end of the run, with signals caught; returns the exit code, kNumeric where NaN or
  // Inf has stopped it.
  int run() {
    const StopSignals signals;
    note(session_.data().describe());
    try {
      return train();
    } catch (const Diverged& error) {
      return give_up(error.what());
    }
  }

 private:
  // Whether something that is done every `every` steps is due after the last step; never for 0.
  bool due(int64_t every) const { return every > 0 && session_.step() % every == 0; }
  // Whether the last step is one of those in a row that were refused, or had NaN or Inf.
  bool in_streak() const { return session_.skipped_in_a_row() > 0; }
  // Whether this step was validated and meets the target of the run.
  bool is_done() const { return meets_target(spec_, counters_, session_.step()); }

  // Trains to the last step, or to a signal, and records, validates and saves as the spec says;
  // returns the exit code. Throws Diverged after max_skipped steps in a row with NaN or Inf, once
  // the step before them is saved if it can be. A checkpoint that is due at such a step is saved
  // after the next good one. The run ends before its last step where a validation meets the target.
  int train() {
    while (session_.step() < spec_.steps && !is_done()) {
      if (!in_streak()) before_streak_ = counters_, streak_loses_ = false;
      const auto heard = session_.team().hear(kGoOn);
      recorder_->before_step(session_.optimizer(), session_.step() + 1);
      const auto result = session_.train_step();
      recorder_->after_step(session_.optimizer(), session_.step(), result.refused);
      streak_loses_ |= !std::isfinite(result.loss) || !result.refused;
      record_step(result);
      if (due(spec_.eval_every)) evaluate();
      if (session_.skipped_in_a_row() >= spec_.max_skipped) {
        save_before_streak();
        throw Diverged(streak_message(result, session_.skipped_in_a_row()));
      }
      if (const int signal = stop_signal(heard)) return stop(signal);
      save_due_ |= due(spec_.checkpoint_every);
      if (save_due_ && session_.step() < spec_.steps && is_good()) save();
    }
    if (is_done()) note("the target is met after step " + std::to_string(session_.step()));
    session_.team().hear(kEnd);
    return finish();
  }

  // Prints a line about the run on stderr unless it is quiet; warnings go to progress_ itself.
  void note(const std::string& line) {
    if (!quiet_) progress_.note(line);
  }

  // Goes to the latest checkpoint of the folder and sets counters_ and last_good_ from it; stays at
  // step 0 where none was completed. Throws ForeignCheckpoint, ConfigError or DataError, with the
  // weights unchanged, where it is not of this run, but for options that are `allowed` to differ.
  void restore(const AllowedChanges& allowed) {
    const auto latest = latest_checkpoint(folder_.path());
    if (!latest) {
      note(folder_.path() + ": no checkpoint was completed: starting from step 0");
      begin_run(session_);
      return;
    }
    for (const auto& line : latest->damaged) progress_.note(line);
    const auto changed = require_same_keys(spec_, folder_.path(), *latest, allowed);
    for (const auto& line : changed) progress_.note(line);
    require_same_rates(spec_, *latest, allowed);
    require_steps_ahead(spec_, *latest);
    const auto before = require_same_session(session_, *latest, /*same_config=*/changed.empty());
    if (!before.empty()) progress_.note(before);
    const auto accepted = require_same_data(spec_, session_.data().files(), latest->checkpoint);
    if (!accepted.empty()) progress_.note(accepted + ": accepted");
    session_.restore(latest->checkpoint, latest->folder);
    if (latest->checkpoint.finite) last_good_ = latest->folder;
    counters_ = counters_of(latest->checkpoint.state.tensors);
    note("resumed from " + latest->folder);
  }

  // Adds the step's seconds to the counters, writes its line of metrics.jsonl, and shows it, with
  // its warnings, on stderr.
  void record_step(const StepResult& r) {
    counters_.seconds += r.seconds, counters_.optimizer_seconds += r.optimizer_seconds;
    metrics_->write(step_record(r, session_.step(), counters_));
    for (const auto& line : step_warnings(r, session_.step())) progress_.note(line);
    if (!quiet_) progress_.update(step_status(r, session_, counters_));
  }

  // Validates, and writes the loss to the counters, metrics.jsonl and stderr, where a quiet run
  // shows it only if it is not finite. Throws Diverged where weights or state hold NaN or Inf.
  void evaluate() {
    const auto found = session_.evaluate(spec_.eval_batches);
    counters_.val_loss = found.loss, counters_.val_accuracy = found.accuracy;
    counters_.hellaswag = found.hellaswag;
    counters_.val_step = session_.step();
    metrics_->write(validation_record(counters_));
    require_finite_state();
    const std::string text = validation_text(counters_);
    std::isfinite(counters_.val_loss) ? note(text) : progress_.note(text);
  }

  // Throws Diverged, naming the first tensors, where weights or optimizer state hold NaN or Inf.
  void require_finite_state() {
    const auto names = session_.nonfinite_state();
    if (names.empty()) return;
    throw Diverged("after step " + std::to_string(session_.step()) + ": NaN or Inf in " +
                   first_names(names));
  }

  // Whether a run may go on from this step: its loss and the last validation loss were numbers.
  // Within a row of refused steps the loss of the weights is NaN, so each of them is no good one.
  bool is_good() const { return !in_streak() && std::isfinite(counters_.val_loss); }

  // Saves this step as a checkpoint, which is then no longer due; throws Diverged where it would
  // hold NaN or Inf.
  void save() {
    require_finite_state();
    write_checkpoint(session_.checkpoint(config_hash(spec_)), counters_);
    save_due_ = false;
  }

  // Saves the step that a row of refused steps follows, under its own number: they have changed
  // nothing but counters. Saves nothing outside of such a row, where one of its steps was taken or
  // had no finite loss, or where the weights or that step's validation loss are no numbers.
  void save_before_streak() {
    if (!in_streak() || streak_loses_ || session_.step_before_streak() == 0) return;
    if (std::isfinite(before_streak_.val_loss) && session_.nonfinite_state().empty())
      write_checkpoint(session_.checkpoint_before_streak(config_hash(spec_)), before_streak_);
  }

  // Writes the checkpoint with these counters added to it, once the metrics before it are on the
  // disk; last_good_ is then its folder.
  void write_checkpoint(Checkpoint checkpoint, const Counters& counters) {
    metrics_->sync(), recorder_->sync();
    put_counters(counters, checkpoint.state.tensors);
    const auto saved = save_checkpoint(folder_.path(), checkpoint);
    last_good_ = saved.folder;
    for (const auto& line : saved.warnings) progress_.note(line);
  }

  // Ends the run at a signal, with a checkpoint where the step is a good one; returns the exit
  // code.
  int stop(int signal) {
    session_.team().hear(kEnd);
    const std::string step = std::to_string(session_.step());
    if (is_good()) {
      save();
      progress_.note("stopped after step " + step + "; go on with --resume " + folder_.path());
    } else {
      save_before_streak();
      progress_.note("stopped after step " + step + ", not saved for NaN or Inf; " +
                     last_good_message());
    }
    return kSignal + signal;
  }

  // The end of a message: where the last good checkpoint is.
  std::string last_good_message() const {
    return last_good_.empty() ? "no good checkpoint was saved before"
                              : "last good checkpoint: " + last_good_;
  }

  // Ends a run that NaN or Inf has stopped, prints `why`, and returns the exit code. Nothing is
  // saved: the last checkpoint is the good one.
  int give_up(const std::string& why) {
    progress_.note(why + "; " + last_good_message());
    return kNumeric;
  }

  // Ends a run after its last step: validates where that step was not, saves, prints the result.
  // Returns the exit code, kNumeric where the last steps had NaN or Inf; throws Diverged where the
  // validation loss is no number.
  int finish() {
    if (counters_.val_step != session_.step()) evaluate();
    if (!std::isfinite(counters_.val_loss))
      throw Diverged("after the last step, " + std::to_string(session_.step()) +
                     ": the validation loss is NaN or Inf");
    if (in_streak()) {  // the steps that were asked for are not done
      save_before_streak();
      return give_up("after the last step, " + std::to_string(session_.step()) + ": " +
                     std::to_string(session_.skipped_in_a_row()) + " in a row had NaN or Inf");
    }
    save();
    return print_result();
  }

  // Prints the result as a line of JSON on stdout. Returns kDone, or kFailed where stdout cannot be
  // written; a reader that has gone away is no failure of the run, which is saved by now.
  int print_result() {
    const auto result = result_record(folder_.path(), session_, counters_);
    try {
      print_out(result.dump() + "\n");
    } catch (const OutputError& error) {
      progress_.note(std::string(error.what()) +
                     ": the result was not printed; the run is saved: " + last_good_);
      return error.reader_gone ? kDone : kFailed;
    }
    return kDone;
  }

  RunSpec spec_;
  Session session_;
  RunFolder folder_;
  Progress progress_;
  bool quiet_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Recorder> recorder_;
  Counters counters_, before_streak_;
  bool streak_loses_ = false;  // a step of the streak had no loss, or was not refused
  bool save_due_ = false;      // a step that is no good one puts a save off
  std::string last_good_;      // the newest checkpoint
};

}  // namespace

int run_training(const RunSpec& spec, const LoopOptions& options) {
  if (spec.threads > 0) at::set_num_threads(static_cast<int>(spec.threads));
  const Team team = options.world ? Team(connect(*options.world)) : Team();
  if (team.rank() > 0) return follow(spec, options.resume, team);
  return Loop(spec, options, team).run();
}

}  // namespace steepest::trainer
