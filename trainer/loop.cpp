// SPDX-License-Identifier: Apache-2.0
#include "trainer/loop.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <unistd.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "steepest/cpu/scratch.h"
#include "trainer/config.h"
#include "trainer/exit_code.h"
#include "trainer/metrics.h"
#include "trainer/progress.h"
#include "trainer/run_folder.h"
#include "trainer/session.h"
#include "trainer/signals.h"
#include "trainer/version.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::ordered_json;

at::Tensor scalar(double value) { return at::full({}, value, at::kDouble); }

// One run between its folder, its session and the people who watch.
class Loop {
 public:
  Loop(const RunSpec& spec, const LoopOptions& options)
      : spec_(spec),
        session_(spec),  // first: what it refuses leaves no folder behind
        folder_(options.resume ? RunFolder::resume(spec.out) : RunFolder::create(spec.out)),
        progress_(STDERR_FILENO, detect_progress(STDERR_FILENO, spec.log_every)),
        quiet_(options.quiet) {
    for (const auto& line : folder_.warnings()) progress_.note(line);
    if (options.resume) restore();              // refuses a foreign run before anything is written
    folder_.write_config(resolved_toml(spec));  // from here on there is a run to resume
    const auto metrics = folder_ / "metrics.jsonl";
    const bool exists = access(metrics.c_str(), F_OK) == 0;
    metrics_ = std::make_unique<Metrics>(exists ? Metrics::resume(metrics, session_.step())
                                                : Metrics::create(metrics));
    folder_.add_environment({kVersion, spec.device});
  }

  int run() {
    const StopSignals signals;
    note(session_.data().describe());
    while (session_.step() < spec_.steps) {
      const auto result = session_.train_step();
      record(result);
      if (due(spec_.eval_every)) evaluate();
      if (session_.skipped_in_a_row() >= spec_.max_skipped) return give_up(result);
      if (const int signal = StopSignals::received()) return stop(signal);
      if (due(spec_.checkpoint_every) && session_.step() < spec_.steps) save();
    }
    finish();
    return kDone;
  }

 private:
  bool due(int64_t every) const { return every > 0 && session_.step() % every == 0; }
  void note(const std::string& line) {
    if (!quiet_) progress_.note(line);
  }

  void restore() {
    const auto latest = latest_checkpoint(folder_.path());
    if (!latest) {
      note(folder_.path() + ": no checkpoint was completed: starting from step 0");
      return;
    }
    for (const auto& line : latest->damaged) progress_.note(line);
    require_same_run(latest->folder, latest->checkpoint, expected(latest->checkpoint));
    session_.restore(latest->checkpoint, latest->folder);
    const auto& state = latest->checkpoint.state.tensors;
    const auto number = [&](const char* key) {
      const auto* t = find_tensor(state, key);
      return t == nullptr ? 0.0 : t->item<double>();
    };
    seconds_ = number("seconds"), optimizer_seconds_ = number("optimizer_seconds");
    note("resumed from " + latest->folder);
  }

  // What require_same_run compares: the model's tensors, the recipe, the config. The optimizer's
  // own tensors are made by its first step; restoring checks each of them.
  Checkpoint expected(const Checkpoint& found) {
    auto own = session_.checkpoint(config_hash(spec_));
    own.optimizer.metadata.erase("groups");  // the rates of the moment
    own.optimizer.tensors = found.optimizer.tensors;
    return own;
  }

  void record(const StepResult& r) {
    seconds_ += r.seconds, optimizer_seconds_ += r.optimizer_seconds;
    Json line{{"step", session_.step()}, {"loss", r.loss}, {"lr", r.lr}};
    if (!std::isnan(r.q)) line["q"] = r.q;
    if (!std::isnan(r.dual)) line["D"] = r.dual;
    if (!std::isnan(r.grad_norm)) line["grad_norm"] = r.grad_norm;
    line["seconds"] = seconds_;
    line["optimizer_seconds"] = optimizer_seconds_;
    if (!r.nonfinite.empty()) {
      line["refused"] = r.nonfinite;
      progress_.note("step " + std::to_string(session_.step()) + " refused: NaN or Inf in " +
                     join(r.nonfinite));
    }
    metrics_->write(line);
    show(r);
  }

  void show(const StepResult& r) {
    if (quiet_) return;
    const bool sequences = session_.model().context() > 0;
    const double units =
        static_cast<double>(spec_.data.batch * (sequences ? spec_.data.context : 1));
    Status status{.step = session_.step(), .steps = spec_.steps, .loss = r.loss};
    status.rate = units / r.seconds;
    status.unit = session_.data().unit() + "s";
    status.lr = r.lr;
    if (!std::isnan(r.q)) status.q = r.q;
    if (!std::isnan(r.dual)) status.dual = r.dual;
    status.share = optimizer_seconds_ / seconds_;
    progress_.update(status);
  }

  void evaluate() {
    val_loss_ = session_.evaluate(spec_.eval_batches);
    val_step_ = session_.step();
    metrics_->write({{"step", val_step_}, {"val_loss", val_loss_}, {"seconds", seconds_}});
    char text[64];
    snprintf(text, sizeof text, "step %ld  validation loss %.4f", static_cast<long>(val_step_),
             val_loss_);
    note(text);
  }

  void save() {
    metrics_->sync();
    auto checkpoint = session_.checkpoint(config_hash(spec_));
    checkpoint.state.tensors.emplace_back("seconds", scalar(seconds_));
    checkpoint.state.tensors.emplace_back("optimizer_seconds", scalar(optimizer_seconds_));
    for (const auto& line : save_checkpoint(folder_.path(), checkpoint).warnings)
      progress_.note(line);
  }

  int stop(int signal) {
    save();
    progress_.note("stopped after step " + std::to_string(session_.step()) +
                   "; go on with --resume " + folder_.path());
    return signal == SIGINT ? kInterrupted : kTerminated;
  }

  // Nothing is saved: the last checkpoint is the last good one.
  int give_up(const StepResult& r) {
    progress_.note(std::to_string(session_.skipped_in_a_row()) +
                   " steps in a row refused: NaN or Inf in " + join(r.nonfinite));
    return kNumeric;
  }

  void finish() {
    if (val_step_ != session_.step()) evaluate();
    save();
    std::cout << Json{{"run", folder_.path()},
                      {"recipe", session_.optimizer().recipe().name},
                      {"steps", session_.step()},
                      {"val_loss", val_loss_},
                      {"seconds", seconds_},
                      {"optimizer_share", optimizer_seconds_ / std::max(seconds_, 1e-9)},
                      {"workspace_mb", static_cast<double>(cpu::workspace_bytes()) / 1e6},
                      {"skipped", session_.optimizer().skipped_steps()}}
                     .dump()
              << std::endl;
  }

  RunSpec spec_;
  Session session_;
  RunFolder folder_;
  Progress progress_;
  bool quiet_;
  std::unique_ptr<Metrics> metrics_;
  double seconds_ = 0, optimizer_seconds_ = 0;  // of training, over all starts
  double val_loss_ = 0;
  int64_t val_step_ = -1;
};

}  // namespace

int run_training(const RunSpec& spec, const LoopOptions& options) {
  if (spec.threads > 0) at::set_num_threads(static_cast<int>(spec.threads));
  return Loop(spec, options).run();
}

}  // namespace steepest::trainer
