// SPDX-License-Identifier: Apache-2.0
// steepest sample RUN: text from its latest checkpoint; of a token model, the ids.
#include <c10/util/Exception.h>

#include <memory>

#include "trainer/commands/commands.h"
#include "trainer/commands/finished_run.h"
#include "trainer/models/generate.h"
#include "trainer/models/generator.h"
#include "trainer/run/output.h"

namespace steepest::trainer {
namespace {

struct Options {
  std::string run, prompt = "\n";
  std::vector<int64_t> ids;
  int64_t count = 200, top_k = 0;
  double temperature = 0.8;
  int64_t seed = 0;
};

// Returns the prompt as token ids: those of --ids, or where there are none the bytes of --prompt.
// Throws c10::ValueError where that is empty, or the model is not one of `bytes`, whose ids are
// bytes.
std::vector<int64_t> prompt_of(const Options& o, bool bytes) {
  if (!o.ids.empty()) return o.ids;
  TORCH_CHECK_VALUE(bytes, "sample: --prompt: received text for a model of tokens, allowed --ids");
  std::vector<int64_t> prompt;
  for (const unsigned char c : o.prompt) prompt.push_back(c);
  TORCH_CHECK_VALUE(!prompt.empty(), "sample: --prompt: received nothing, allowed 1 byte or more");
  return prompt;
}

// Prints what the model of a run's latest checkpoint writes after the prompt, as text for a model
// of bytes, else as token ids. Throws c10::ValueError where the model is no gpt.
void sample(const Options& o) {
  const auto session = open_run(o.run, {}, DataUse::none);
  auto& model = session->model();
  TORCH_CHECK_VALUE(model.context() > 0, "sample: received a run of model ",
                    session->spec().model.kind, ", allowed gpt");
  const bool bytes = session->spec().data.kind == "text";
  const Sampling sampling{.temperature = o.temperature, .top_k = o.top_k};
  const auto out = generate(model, prompt_of(o, bytes), o.count, sampling,
                            make_generator(at::kCPU, static_cast<uint64_t>(o.seed)));
  std::string text;
  for (const auto token : out) {
    text += bytes ? std::string(1, static_cast<char>(token)) : std::to_string(token) + " ";
  }
  print_out(text + "\n");
}

}  // namespace

// Adds `steepest sample RUN`, which prints what the model of a run's latest checkpoint writes; its
// callback sets `exit_code`.
void add_sample(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  auto* command = app.add_subcommand("sample", "Text written by a run's latest checkpoint");
  command->add_option("run", o->run, "Folder of the run")->required();
  command->add_option("--prompt", o->prompt, "What it goes on from");
  command->add_option("--ids", o->ids, "The prompt as token ids")->check(whole_number(0));
  command->add_option("--count", o->count, "Bytes or tokens to write")
      ->check(whole_number(1, 1000000));
  command->add_option("--temperature", o->temperature, "0: always the likeliest")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--top-k", o->top_k, "Among the k likeliest; 0: all")->check(whole_number(0));
  command->add_option("--seed", o->seed, "Of the draw")->check(whole_number(0));
  command->callback([o, &exit_code] {
    sample(*o);
    exit_code = 0;
  });
}

}  // namespace steepest::trainer
