// SPDX-License-Identifier: Apache-2.0
#include "trainer/step_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "steepest/base/text.h"
#include "steepest/base/workspace.h"

namespace steepest::trainer {

std::string first_names(const std::vector<std::string>& names) {
  const std::vector<std::string> few(names.begin(),
                                     names.begin() + std::min<long>(3, names.size()));
  const size_t more = names.size() - few.size();
  return join(few) + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

std::string streak_message(const StepResult& result, int64_t steps) {
  return std::to_string(steps) + " steps in a row " +
         (result.refused ? "refused: " : "trained with ") + "NaN or Inf in " +
         first_names(result.nonfinite);
}

nlohmann::ordered_json step_record(const StepResult& result, int64_t step,
                                   const Counters& counters) {
  nlohmann::ordered_json line{{"step", step}, {"loss", result.loss}};
  if (!std::isnan(result.accuracy)) line["accuracy"] = result.accuracy;
  line["lr"] = result.lr;
  if (!std::isnan(result.q)) line["q"] = result.q;
  if (!std::isnan(result.dual)) line["D"] = result.dual;
  if (!std::isnan(result.gap)) line["gap"] = result.gap;
  if (!std::isnan(result.f_star)) line["f_star"] = result.f_star;
  if (!std::isnan(result.grad_norm)) line["grad_norm"] = result.grad_norm;
  line["seconds"] = counters.seconds;
  line["optimizer_seconds"] = counters.optimizer_seconds;
  if (!std::isnan(result.spike_z)) line["spike_z"] = result.spike_z;
  if (!result.nonfinite.empty()) line[result.refused ? "refused" : "nonfinite"] = result.nonfinite;
  return line;
}

nlohmann::ordered_json validation_record(const Counters& counters) {
  nlohmann::ordered_json line{{"step", counters.val_step}, {"val_loss", counters.val_loss}};
  if (!std::isnan(counters.val_accuracy)) line["val_accuracy"] = counters.val_accuracy;
  if (!std::isnan(counters.hellaswag)) line["hellaswag"] = counters.hellaswag;
  line["seconds"] = counters.seconds;
  return line;
}

nlohmann::ordered_json result_record(const std::string& folder, Session& session,
                                     const Counters& counters) {
  nlohmann::ordered_json result{{"run", folder},
                                {"recipe", session.optimizer().recipe().name},
                                {"steps", session.step()},
                                {"val_loss", counters.val_loss}};
  if (!std::isnan(counters.val_accuracy)) result["val_accuracy"] = counters.val_accuracy;
  if (!std::isnan(counters.hellaswag)) result["hellaswag"] = counters.hellaswag;
  result["val_batches"] = session.validation_batches(session.spec().eval_batches);
  result["seconds"] = counters.seconds;
  result["optimizer_share"] = counters.optimizer_seconds / std::max(counters.seconds, 1e-9);
  result["workspace_mb"] = static_cast<double>(workspace_bytes()) / 1e6;
  result["skipped"] = session.optimizer().skipped_steps();
  return result;
}

std::string validation_text(const Counters& counters) {
  char loss[96], accuracy[32] = "", answers[32] = "";
  snprintf(loss, sizeof loss, "step %ld  validation loss %.4f",
           static_cast<long>(counters.val_step), counters.val_loss);
  if (!std::isnan(counters.val_accuracy))
    snprintf(accuracy, sizeof accuracy, "  accuracy %.1f%%", 100 * counters.val_accuracy);
  if (!std::isnan(counters.hellaswag))
    snprintf(answers, sizeof answers, "  HellaSwag %.1f%%", 100 * counters.hellaswag);
  return std::string(loss) + accuracy + answers;
}

bool meets_target(const RunSpec& spec, const Counters& counters, int64_t step) {
  if (counters.val_step != step || step == 0) return false;
  return (spec.target_loss && counters.val_loss <= *spec.target_loss) ||
         (spec.target_accuracy && counters.val_accuracy >= *spec.target_accuracy);
}

Status step_status(const StepResult& result, Session& session, const Counters& counters) {
  const RunSpec& spec = session.spec();
  const auto units = static_cast<double>(spec.data.batch * session.data().targets());
  Status status{.step = session.step(), .steps = spec.steps, .loss = result.loss};
  if (!std::isnan(result.accuracy)) status.accuracy = result.accuracy;
  status.rate = units / result.seconds;
  status.unit = session.data().unit() + "s";
  status.lr = result.lr;
  if (!std::isnan(result.q)) status.q = result.q;
  if (!std::isnan(result.dual)) status.dual = result.dual;
  status.share = counters.optimizer_seconds / counters.seconds;
  return status;
}

std::vector<std::string> step_warnings(const StepResult& result, int64_t step) {
  std::vector<std::string> lines;
  const std::string name = "step " + std::to_string(step);
  if (!result.nonfinite.empty())
    lines.push_back(name + (result.refused ? " refused" : "") + ": NaN or Inf in " +
                    first_names(result.nonfinite));
  if (std::isnan(result.spike_z)) return lines;
  char text[96];
  snprintf(text, sizeof text, ": loss %.4f is a spike: z-score %.1f over the losses before it",
           result.loss, result.spike_z);
  lines.push_back(name + text);
  return lines;
}

}  // namespace steepest::trainer
