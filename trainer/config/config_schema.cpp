// SPDX-License-Identifier: Apache-2.0
#include "trainer/config/config_schema.h"

#include <algorithm>
#include "trainer/data/make_dataset.h"

namespace steepest::trainer {
namespace {

constexpr Range kFromZero{.low = 0};
constexpr Range kFromOne{.low = 1};
constexpr Range kPart{.low = 0, .high = 1};
constexpr Range kBelowOne{.low = 0, .high = 1, .high_open = true};

// Returns the keys of [run], each bound to the field of the spec that it sets.
std::vector<Key> run_keys(RunSpec& s) {
  // Further steps change the rates of the steps before, unless the schedule is constant.
  const bool constant = s.schedule.kind == "constant";
  return {
      Key{"out", &s.out, "folder of the run"}.changeable(),
      Key{"start_from", &s.start_from, "folder of a run whose weights this one begins with"}
          .since_later(),
      Key{"seed", &s.seed, "of weights, data order and dropout"}.within(kFromZero),
      Key{"steps", &s.steps, "optimizer steps"}.within(kFromOne).changeable(constant),
      Key{"threads", &s.threads, "of the CPU; 0: torch's choice"}.within({0, 4096}).changeable(),
      Key{"device", &s.device, "where to train"}.one_of({"cpu", "cuda"}),
      Key{"dtype", NamedBool{&s.bfloat16}, "of the forward pass"}.one_of({"float32", "bfloat16"}),
      Key{"eval_every", &s.eval_every, "steps; 0: only at the end"}.within(kFromZero).changeable(),
      Key{"eval_batches", &s.eval_batches, "0: all the data"}.within(kFromZero).changeable(),
      Key{"checkpoint_every", &s.checkpoint_every, "steps; 0: only at the end"}
          .within(kFromZero)
          .changeable(),
      Key{"log_every", &s.log_every, "steps"}.within(kFromOne).changeable(),
      Key{"max_skipped", &s.max_skipped, "steps in a row with NaN or Inf before the run stops"}
          .within(kFromOne)
          .changeable(),
      Key{"target_loss", &s.target_loss,
          "ends the run at a validation (eval_every) of at most this"}
          .changeable()
          .since_later(),
      Key{"target_accuracy", &s.target_accuracy, "ends it at an accuracy from this on, 0.95"}
          .within(kPart)
          .changeable()
          .since_later(),
      Key{"measure_duals", &s.measure_duals, "D of every step, also where none needs it"}
          .changeable()};
}

// Returns the field of the dropout of the model that m.kind chooses, as one key stands for three
// fields; it points into m.
double* dropout_of(ModelSpec& m) {
  if (m.kind == "mlp") return &m.mlp.dropout;
  return m.kind == "cnn" ? &m.cnn.dropout : &m.gpt.dropout;
}

// As dropout_of, of the channels.
std::vector<int64_t>* channels_of(ModelSpec& m) {
  return m.kind == "airbench" ? &m.airbench.channels : &m.cnn.channels;
}

// As dropout_of, of the width.
int64_t* width_of(ModelSpec& m) { return m.kind == "resnet" ? &m.resnet.width : &m.gpt.width; }

// Returns the keys of [model] that only a gpt has, each bound to the field of g that it sets;
// dropout, which other models have too, is left out.
std::vector<Key> gpt_keys(GptSpec& g) {
  std::vector<Key> keys = {
      Key{"vocab", &g.vocab, "text needs 256"}.within(kFromOne),
      Key{"context", &g.context, "tokens a row"}.within(kFromOne),
      Key{"layers", &g.layers, "blocks"}.within(kFromOne),
      Key{"heads", &g.heads, "of attention; they divide the width"}.within(kFromOne),
      Key{"mlp_width", &g.mlp_width, "0: 4 width, or 8/3 of it for swiglu"}.within(kFromZero),
      Key{"positions", &g.positions, "how a token knows its place"}.one_of({"rotary", "learned"}),
      Key{"normalization", &g.normalization, "of the stream"}.one_of({"rms", "layer"}),
      Key{"activation", &g.activation, "of the MLP"}.one_of({"gelu", "relu2", "swiglu"}),
      Key{"qk_norm", &g.qk_norm, "normalise queries and keys"},
      Key{"tied", &g.tied, "the head is the token embedding"},
      Key{"fused_qkv", &g.fused_qkv, "one weight for query, key and value"},
      Key{"biases", &g.biases, "of linear maps and of layer normalization"},
      Key{"rotary_base", &g.rotary_base, "wavelengths up to 2 pi times this"}.within(
          {1, 1e12, true, true}),
      Key{"rotary_fraction", &g.rotary_fraction, "of the frequencies turn"}.within({0, 1, true}),
      Key{"attention_scale", &g.attention_scale, "0: 1 / sqrt(width / heads)"}.within(
          {0, 1e6, false, true}),
      Key{"logit_cap", &g.logit_cap, "0: none"}.within({0, 1e6, false, true}),
      Key{"init", &g.init, "first values of the weights"}.one_of({"torch", "gpt2", "zero_proj"})};
  for (auto& key : keys) key.only = {"gpt"};
  return keys;
}

// Returns the keys of [model], each bound to the field of the spec that it sets; the key preset is
// bound to `preset`, as it is no field of the spec.
std::vector<Key> model_keys(ModelSpec& m, std::optional<std::string>& preset) {
  std::vector<Key> keys = {Key{"kind", &m.kind, "the network"}.one_of(model_kinds())};
  keys.push_back(Key{"preset", &preset, "published sizes, before the other keys"}
                     .one_of({"tiny", "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"})
                     .only_for({"gpt"}));
  for (auto& key : gpt_keys(m.gpt)) keys.push_back(key);
  keys.push_back(Key{"width", width_of(m), "of the residual stream; channels of the first stage"}
                     .within(kFromOne)
                     .only_for({"gpt", "resnet"}));
  keys.push_back(
      Key{"depth", &m.resnet.depth, "layers, 6 n + 2"}.within({8, 1202}).only_for({"resnet"}));
  keys.push_back(Key{"size", &m.matrix.size, "rows and columns of X in F(X) = <X, M X N> / 2"}
                     .within(kFromOne)
                     .only_for({"matrix"}));
  keys.push_back(Key{"problem", &m.matrix.problem, "which M and N are drawn, whatever the seed"}
                     .within(kFromZero)
                     .only_for({"matrix"}));
  keys.push_back(Key{"noise", &m.matrix.noise, "deviation of the gradient's entries, of one row"}
                     .within({0, 1e6, false, true})
                     .only_for({"matrix"}));
  keys.push_back(
      Key{"widths", &m.mlp.widths, "of the hidden layers"}.within(kFromOne).only_for({"mlp"}));
  keys.push_back(Key{"channels", channels_of(m), "of each block"}.within(kFromOne).only_for(
      {"cnn", "airbench"}));
  keys.push_back(
      Key{"hidden", &m.cnn.hidden, "between the linear maps"}.within(kFromOne).only_for({"cnn"}));
  keys.push_back(Key{"dropout", dropout_of(m), "probability"}.within(kBelowOne).only_for(
      {"gpt", "mlp", "cnn"}));
  keys.push_back(Key{"label_smoothing", &m.label_smoothing, "what all classes share of a target"}
                     .within(kBelowOne)
                     .only_for({"gpt", "mlp", "cnn", "resnet", "airbench"})
                     .since_later());
  keys.push_back(Key{"views", &m.views, "of an image in validation: 1, 2 or 6"}
                     .within({1, 6})
                     .only_for({"mlp", "cnn", "resnet", "airbench"})
                     .since_later());
  return keys;
}

// Returns the keys of [data], each bound to the field of the spec that it sets.
std::vector<Key> data_keys(DataSpec& d) {
  const std::vector<std::string> files = {"text", "tokens", "cifar10"};
  const std::vector<std::string> images = {"cifar10", "procedural"};
  return {
      Key{"kind", &d.kind, "what is learned"}.one_of(data_kinds()),
      Key{"path", &d.path, "file, folder or glob"}.only_for(files).changeable(),
      Key{"validation_path", &d.validation_path, "instead of a part of path"}
          .only_for({"text", "tokens"})
          .changeable(),
      Key{"hellaswag", &d.hellaswag, "llm.c's file of HellaSwag, answered at each validation"}
          .only_for({"tokens"})
          .changeable()
          .since_later(),
      Key{"extensions", &d.extensions, "of a folder's files; []: all"}.only_for({"text"}),
      Key{"validation_fraction", &d.validation_fraction, "of path"}
          .within({0, 1, true, true})
          .only_for({"text"}),
      Key{"separator", &d.separator, "the byte between two files"}.within({0, 255}).only_for(
          {"text"}),
      Key{"changed", NamedBool{&d.accept_changed}, "data that are not those of the run's start"}
          .one_of({"refuse", "accept"})
          .only_for(files)
          .changeable(),
      Key{"order", &d.order, "of the rows"}.one_of({"shuffled", "random", "sequential"}),
      Key{"flip", &d.flip, "mirror half of the training images"}.only_for(images),
      Key{"alternating", &d.alternating, "with flip: an image is mirrored in every second epoch"}
          .only_for(images)
          .since_later(),
      Key{"translate", &d.translate, "shift training images by up to so many pixels"}
          .within({0, 31})
          .only_for(images),
      Key{"limit", &d.limit, "how many training images, the first ones"}
          .within(kFromOne)
          .only_for({"cifar10"})
          .since_later(),
      Key{"side", &d.side, "average images down to side x side; divides 32"}
          .within({1, 32})
          .only_for(images)
          .since_later(),
      Key{"modulus", &d.modulus, "p of a + b mod p"}.within({2, 10000}).only_for({"modular"}),
      Key{"train_fraction", &d.train_fraction, "of the pairs a, b: what training shows"}
          .within({0, 1, true, true})
          .only_for({"modular"}),
      Key{"train_images", &d.train_images, "how many to draw"}.within(kFromOne).only_for(
          {"procedural"}),
      Key{"validation_images", &d.validation_images, "how many to draw"}.within(kFromOne).only_for(
          {"procedural"})};
}

// Returns the keys of [batch], each bound to the field of the spec that it sets.
std::vector<Key> batch_keys(RunSpec& s) {
  return {Key{"rows", &s.data.batch, "sequences or images a step"}.within(kFromOne),
          Key{"accumulate", &s.accumulate, "micro-batches a step; they divide the rows"}.within(
              kFromOne)};
}

// Returns the keys of [schedule], each bound to the field of the spec that it sets.
std::vector<Key> schedule_keys(ScheduleSpec& s) {
  const std::vector<std::string> kinds = {"constant", "constant_linear", "cosine"};
  return {
      Key{"kind", &s.kind, "of the learning rate"}.one_of(
          {"constant", "constant_linear", "cosine", "replay"}),
      Key{"warmup", &s.warmup, "steps of a linear rise"}.within(kFromZero),
      Key{"constant_fraction", &s.constant_fraction, "of the steps, before the descent"}
          .within(kPart)
          .only_for({"constant_linear", "replay"}),
      Key{"floor", &s.floor, "the last step's factor"}.within(kPart).only_for(
          {"constant_linear", "cosine", "replay"}),
      Key{"base", &s.base, "what the replayed numbers multiply"}.one_of(kinds).only_for({"replay"}),
      Key{"path", &s.path, "folder of the run whose numbers are replayed"}.only_for({"replay"}),
      Key{"key", &s.key, "of its metrics: D, q, loss, .."}.only_for({"replay"}),
      Key{"smooth", &s.smooth, "steps on either side of a geometric mean"}
          .within(kFromZero)
          .only_for({"replay"}),
      Key{"detrend", &s.detrend, "divide the numbers out, instead"}.only_for({"replay"})};
}

// Returns the keys of [record], each bound to the field of the spec that it sets. All may change
// within a run, as they change nothing of it.
std::vector<Key> record_keys(RecordSpec& r) {
  std::vector<Key> keys = {
      Key{"every", &r.every, "steps; 0: only those listed"}.within(kFromZero),
      Key{"steps", &r.steps, "whose matrices records.jsonl tells of"}.within(kFromOne),
      Key{"what", &r.what, "ranks and norms, or all singular values too"}.one_of(
          {"summary", "spectra"}),
      Key{"of", &r.of, "matrices"}.one_of({"gradient", "momentum", "update", "weights"}),
      Key{"match", &r.match, "globs of parameter names; []: all matrices"}};
  for (auto& key : keys) key.may_change = true;
  return keys;
}

}  // namespace

std::vector<Section> sections_of(RunSpec& spec, std::optional<std::string>& preset) {
  return {{"run", run_keys(spec)},
          {"model", model_keys(spec.model, preset), spec.model.kind},
          {"data", data_keys(spec.data), spec.data.kind},
          {"batch", batch_keys(spec)},
          {"optimizer", optimizer_keys(spec)},
          {"schedule", schedule_keys(spec.schedule), spec.schedule.kind},
          {"record", record_keys(spec.record), "", spec.record == RecordSpec{}}};
}

bool applies(const Section& section, const Key& key) {
  return key.only.empty() ||
         std::find(key.only.begin(), key.only.end(), section.kind) != key.only.end();
}

}  // namespace steepest::trainer
