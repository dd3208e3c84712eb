// SPDX-License-Identifier: Apache-2.0
// A model as the training loop sees it; its header needs no torch::nn.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "steepest/io/safetensors.h"
#include "trainer/data/batch.h"
#include "trainer/models/spec.h"

namespace torch::nn {
class Module;
}

namespace steepest::trainer {

struct Parameter {
  std::string name;  // as in state_dict, "blocks.0.attention.query.weight"
  at::Tensor tensor;
  std::string kind;  // "matrix", "conv", "embedding", "head", "gain", "bias"
};

// What a model makes of a batch.
struct Outcome {
  at::Tensor loss;   // a scalar, nats where there are targets
  at::Tensor right;  // how many rows are told right, float64, where each has one target; else
                     // undefined
};

class Model {
 public:
  virtual ~Model() = default;

  // The logits [rows, context, vocab] or [rows, classes]. In training, dropout is a function of
  // batch.seed. Throws std::logic_error where the model tells no classes.
  virtual at::Tensor logits(const Batch& batch) = 0;
  virtual torch::nn::Module& module() = 0;
  virtual int64_t classes() const = 0;           // size of the vocabulary, or number of labels
  virtual int64_t context() const { return 0; }  // most tokens a row; 0: no sequences

  // The mean cross-entropy over the batch's targets, and how many are told right. Where a row has
  // one target and logits of several tokens, the last token's are meant.
  virtual Outcome outcome(const Batch& batch);
  // The loss alone.
  at::Tensor loss(const Batch& batch) { return outcome(batch).loss; }
  // How many training images, the first ones, prepare() takes before the first step; mostly none.
  virtual int64_t images_to_prepare() const { return 0; }
  // Sets what the model has of the data but does not train, such as filters that whiten them.
  virtual void prepare(const at::Tensor&) {}
  // Sets how outcome() looks at a batch: the part of each target that all classes share, in
  // training, and the number of views of an image (views.h), out of it.
  void set_outcome(double label_smoothing, int64_t views) {
    label_smoothing_ = label_smoothing, views_ = views;
  }
  // All parameters, in the order of state_dict.
  std::vector<Parameter> parameters();
  // What training changes beside them, as the running means of batch normalization, by name.
  NamedTensors buffers();
  // All that a checkpoint keeps of the model: its parameters, detached, then its buffers. They
  // share the model's memory.
  NamedTensors tensors();
  // Puts the model into training, with dropout, or out of it.
  void train(bool on = true);
  // Whether the model is in training, with dropout.
  bool is_training();
  // Moves the parameters, in place, to the device.
  void to(at::Device device);

 private:
  double label_smoothing_ = 0;
  int64_t views_ = 1;
};

// The mean cross-entropy over all targets, in nats; logits [.., classes], targets [..]. With
// smoothing e a target is 1 - e of its class and e of all classes alike.
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& targets, double smoothing = 0);

// Builds the model of a spec, which it validates. Every parameter is a function of seed and its own
// name, the same on each device (it is drawn on the CPU); the global random generator is not used.
// On the meta device nothing is drawn: shapes only.
std::unique_ptr<Model> make_model(const ModelSpec& spec, uint64_t seed,
                                  at::Device device = at::kCPU);

// The number of entries of all parameters together.
int64_t parameter_count(Model& model);

// The model's parameters as a table: name, kind, shape, count; and the total.
std::string describe(Model& model);

}  // namespace steepest::trainer
