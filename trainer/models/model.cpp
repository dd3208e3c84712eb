// SPDX-License-Identifier: Apache-2.0
// The face over the modules, and their maker.
#include "trainer/models/model.h"

#include <ATen/ops/cross_entropy_loss.h>

#include <iomanip>
#include <sstream>
#include <stdexcept>

#include "trainer/models/airbench.h"
#include "trainer/models/gpt.h"
#include "trainer/models/init.h"
#include "trainer/models/matrix.h"
#include "trainer/models/resnet.h"
#include "trainer/models/views.h"
#include "trainer/models/vision.h"

namespace steepest::trainer {
namespace {

template <class Net>
class ModelOf : public Model {
 public:
  // Takes `net`, a module whose forward maps a Batch to logits [.., classes].
  ModelOf(std::shared_ptr<Net> net, int64_t classes) : net_(std::move(net)), classes_(classes) {}
  at::Tensor logits(const Batch& batch) override { return net_->forward(batch); }
  // The network itself, whose parameters Model's methods list and move.
  torch::nn::Module& module() override { return *net_; }
  // The number of classes of which there are logits: of tokens, or of labels.
  int64_t classes() const override { return classes_; }

 protected:
  std::shared_ptr<Net> net_;
  int64_t classes_;
};

// A model whose forward gives the loss itself.
class MatrixModel : public ModelOf<Matrix> {
 public:
  using ModelOf::ModelOf;
  // There are none.
  at::Tensor logits(const Batch&) override {
    throw std::logic_error("matrix: this model has no logits");
  }
  // The loss that the network returns; nothing is told right or wrong.
  Outcome outcome(const Batch& batch) override { return {net_->forward(batch), {}}; }
};

// A model that looks at images before its first step.
class AirbenchModel : public ModelOf<Airbench> {
 public:
  using ModelOf::ModelOf;
  // As many as were published.
  int64_t images_to_prepare() const override { return 5000; }
  // Sets the filters that whiten patches of the images [n, 3, side, side].
  void prepare(const at::Tensor& images) override { net_->whiten_by(images); }
};

class GptModel : public ModelOf<Gpt> {
 public:
  using ModelOf::ModelOf;
  // The most tokens that one row may have, as the network says.
  int64_t context() const override { return net_->context(); }
};

// The kind under which tables list a parameter, told by its name and its dimensions: "bias",
// "gain", "head", "embedding", "matrix" or "conv".
std::string parameter_kind(const std::string& name, const at::Tensor& p) {
  if (name.ends_with("bias")) return "bias";
  if (p.dim() == 1) return "gain";
  if (name == "head.weight") return "head";
  if (name.find("embedding.") != std::string::npos) return "embedding";
  return p.dim() == 2 ? "matrix" : "conv";
}

// Draws the parameters of `net`, which lies on the CPU, makes it a Model of type Wrapped with so
// many classes and moves it to the device; a network on the meta device stays there and has no
// values.
template <class Wrapped, class Net>
std::unique_ptr<Model> initialized_model(std::shared_ptr<Net> net, int64_t classes,
                                         const Init& init, at::Device device) {
  if (!device.is_meta()) initialize(*net, init);
  auto model = std::make_unique<Wrapped>(std::move(net), classes);
  if (!device.is_meta()) model->to(device);
  return model;
}

}  // namespace

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& targets, double smoothing) {
  constexpr int64_t ignored = -100;  // torch's default: none of ours is
  return at::cross_entropy_loss(logits.flatten(0, -2), targets.flatten(), {}, at::Reduction::Mean,
                                ignored, smoothing);
}

Outcome Model::outcome(const Batch& batch) {
  const bool training = is_training();
  at::Tensor z = training ? logits(batch) : mean_logits(*this, batch, views_);
  const bool one = batch.targets.dim() == 1;
  if (one && z.dim() == 3) z = z.select(1, -1);
  Outcome outcome{cross_entropy(z, batch.targets, training ? label_smoothing_ : 0), {}};
  if (one) outcome.right = z.detach().argmax(-1).eq(batch.targets).sum(at::kDouble);
  return outcome;
}

std::vector<Parameter> Model::parameters() {
  std::vector<Parameter> all;
  for (const auto& item : module().named_parameters())
    all.push_back({item.key(), item.value(), parameter_kind(item.key(), item.value())});
  return all;
}

NamedTensors Model::buffers() {
  NamedTensors all;
  for (const auto& item : module().named_buffers()) all.emplace_back(item.key(), item.value());
  return all;
}

NamedTensors Model::tensors() {
  NamedTensors all;
  for (const auto& p : parameters()) all.emplace_back(p.name, p.tensor.detach());
  for (auto& buffer : buffers()) all.push_back(std::move(buffer));
  return all;
}

void Model::train(bool on) { module().train(on); }
bool Model::is_training() { return module().is_training(); }
void Model::to(at::Device device) { module().to(device); }

namespace {

// The model of a valid spec, by its kind.
std::unique_ptr<Model> model_of_kind(const ModelSpec& spec, uint64_t seed, at::Device device) {
  const at::Device made = device.is_meta() ? device : at::Device(at::kCPU);
  if (spec.kind == "mlp")
    return initialized_model<ModelOf<Mlp>>(std::make_shared<Mlp>(spec.mlp, made), spec.mlp.classes,
                                           {.seed = seed}, device);
  if (spec.kind == "cnn")
    return initialized_model<ModelOf<Cnn>>(std::make_shared<Cnn>(spec.cnn, made), spec.cnn.classes,
                                           {.seed = seed}, device);
  if (spec.kind == "resnet")
    return initialized_model<ModelOf<Resnet>>(std::make_shared<Resnet>(spec.resnet, made),
                                              spec.resnet.classes,
                                              {.rule = "kaiming", .seed = seed}, device);
  if (spec.kind == "airbench")
    return initialized_model<AirbenchModel>(std::make_shared<Airbench>(spec.airbench, made),
                                            spec.airbench.classes,
                                            {.rule = "airbench", .seed = seed}, device);
  if (spec.kind == "matrix")
    return initialized_model<MatrixModel>(std::make_shared<Matrix>(spec.matrix, made), 0,
                                          {.rule = "normal", .seed = seed}, device);
  const Init init{spec.gpt.init, spec.gpt.layers, spec.gpt.tied, seed};
  return initialized_model<GptModel>(std::make_shared<Gpt>(spec.gpt, made), spec.gpt.vocab, init,
                                     device);
}

}  // namespace

std::unique_ptr<Model> make_model(const ModelSpec& spec, uint64_t seed, at::Device device) {
  validate(spec);
  auto model = model_of_kind(spec, seed, device);
  model->set_outcome(spec.label_smoothing.value_or(0), spec.views.value_or(1));
  return model;
}

int64_t parameter_count(Model& model) {
  int64_t count = 0;
  for (const auto& p : model.parameters()) count += p.tensor.numel();
  return count;
}

std::string describe(Model& model) {
  const auto all = model.parameters();
  size_t width = 4;
  for (const auto& p : all) width = std::max(width, p.name.size());
  std::ostringstream text;
  const auto line = [&](const auto& name, const auto& kind, const auto& shape, const auto& count) {
    text << std::left << std::setw(static_cast<int>(width) + 2) << name << std::setw(11) << kind
         << std::setw(18) << shape << std::right << std::setw(12) << count << '\n';
  };
  line("name", "kind", "shape", "count");
  for (const auto& p : all) line(p.name, p.kind, c10::str(p.tensor.sizes()), p.tensor.numel());
  line("total", "", "", parameter_count(model));
  return text.str();
}

}  // namespace steepest::trainer
