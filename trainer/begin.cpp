// SPDX-License-Identifier: Apache-2.0
#include "trainer/begin.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <sstream>

#include "steepest/base/text.h"
#include "steepest/io/file_io.h"
#include "trainer/config/config.h"

namespace steepest::trainer {
namespace {

// Throws ConfigError with what the run in the folder has and what is needed of it.
[[noreturn]] void refuse_start(const std::string& run, const std::string& received,
                               const std::string& allowed) {
  throw ConfigError("run.start_from: received " + in_quotes(run) + ", " + received + ", allowed " +
                    allowed);
}

// A tensor's shape as messages show it, "[64, 256]".
std::string shape_text(const at::Tensor& t) {
  std::ostringstream text;
  text << t.sizes();
  return text.str();
}

// Copies the weights, and the running means that belong to them, into the model; refuses another
// model's, before any weight has changed.
void copy_weights(Model& model, const NamedTensors& found, const std::string& run) {
  at::NoGradGuard no_grad;
  auto own = model.tensors();
  for (const auto& [name, tensor] : own) {
    const auto* weight = find_tensor(found, name);
    if (weight == nullptr) refuse_start(run, "which has no " + name, "a run of the same model");
    if (weight->sizes() == tensor.sizes()) continue;
    refuse_start(run, "whose " + name + " is " + shape_text(*weight), shape_text(tensor));
  }
  if (found.size() != own.size())
    refuse_start(run, "which has " + std::to_string(found.size()) + " weights",
                 std::to_string(own.size()));
  for (auto& [name, target] : own) target.copy_(*find_tensor(found, name));
}

}  // namespace

void begin_run(Session& session) {
  session.rates().read_replayed();
  const auto& run = session.spec().start_from;
  if (!run) return;
  if (!is_folder(*run)) refuse_start(*run, "which is no folder", "the folder of a run");
  const auto latest = latest_checkpoint(*run);
  if (!latest) refuse_start(*run, "which has no complete checkpoint", "the folder of a run");
  copy_weights(session.model(), latest->checkpoint.model.tensors, *run);
}

}  // namespace steepest::trainer
