// SPDX-License-Identifier: Apache-2.0
// The residual network against its formula, with batch normalization and shortcuts written out.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "steepest/route.h"
#include "tests/trainer_models/models.h"

namespace steepest::trainer {
namespace {

using namespace test;

ModelSpec resnet(int64_t depth, int64_t width) {
  ModelSpec spec;
  spec.kind = "resnet";
  spec.resnet = {.depth = depth, .width = width};
  return spec;
}

// A network whose gains, biases and running means are not 1 and 0.
std::unique_ptr<Model> scattered_resnet(int64_t depth, int64_t width) {
  auto model = make_model(resnet(depth, width), 1);
  at::Generator random = make_generator(at::kCPU, 99);
  const at::NoGradGuard no_grad;
  for (auto& p : model->parameters())
    if (p.tensor.dim() == 1) p.tensor.normal_(p.kind == "gain" ? 1 : 0, 0.2, random);
  for (auto& [name, buffer] : model->buffers())
    buffer.uniform_(name.ends_with("var") ? 0.5 : -0.5, name.ends_with("var") ? 2 : 0.5, random);
  return model;
}

Batch small_images(int64_t rows, int64_t side, uint64_t seed = 1) {
  Batch batch = images(rows, seed);
  batch.inputs = batch.inputs.narrow(2, 0, side).narrow(3, 0, side).contiguous();
  return batch;
}

// The tensors of a model by name, in float64.
class Plain {
 public:
  Plain(Model& model, bool training) : training_(training) {
    for (const auto& [name, tensor] : model.tensors())
      tensors_[name] = tensor.to(at::kDouble, false, /*copy=*/true);
  }

  at::Tensor logits(const at::Tensor& images, int64_t blocks) {
    at::Tensor x = norm("stem_norm.", convolution("stem.", images.to(at::kDouble), 1)).clamp_min(0);
    for (int64_t i = 0; i < blocks; ++i) {
      const std::string name = "blocks." + std::to_string(i) + ".";
      const at::Tensor& first = tensors_.at(name + "conv1.weight");
      const int64_t added = first.size(0) - first.size(1), stride = added > 0 ? 2 : 1;
      at::Tensor y = norm(name + "norm1.", convolution(name + "conv1.", x, stride)).clamp_min(0);
      y = norm(name + "norm2.", convolution(name + "conv2.", y, 1));
      for (int64_t c = 0; c < x.size(1); ++c)
        y.select(1, c + added / 2)
            .add_(x.select(1, c).slice(1, 0, x.size(2), stride).slice(2, 0, x.size(3), stride));
      x = y.clamp_min(0);
    }
    return x.flatten(2).mean(2).matmul(tensors_.at("head.weight").t()) + tensors_.at("head.bias");
  }

  std::map<std::string, at::Tensor> tensors_;

 private:
  // The sum over the nine taps, of an image with a border of zeros.
  at::Tensor convolution(const std::string& name, const at::Tensor& x, int64_t stride) {
    const at::Tensor& w = tensors_.at(name + "weight");
    const int64_t side = x.size(2), out = (side + stride - 1) / stride;
    at::Tensor wide = at::zeros({x.size(0), x.size(1), side + 2, side + 2}, x.options());
    wide.narrow(2, 1, side).narrow(3, 1, side).copy_(x);
    at::Tensor y = at::zeros({x.size(0), w.size(0), out, out}, x.options());
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 3; ++j) {
        const at::Tensor tap = wide.slice(2, i, i + side, stride)
                                   .slice(3, j, j + side, stride);  // [rows, in, out, out]
        y += w.select(3, j).select(2, i).matmul(tap.flatten(2)).reshape_as(y);
      }
    return y;
  }

  // Over rows and pixels; in training the running mean and variance move a tenth of the way.
  at::Tensor norm(const std::string& name, const at::Tensor& x) {
    const auto channels = [](const at::Tensor& t) { return t.reshape({1, -1, 1, 1}); };
    at::Tensor mean = tensors_.at(name + "running_mean"), var = tensors_.at(name + "running_var");
    if (training_) {
      const auto n = static_cast<double>(x.numel() / x.size(1));
      const at::Tensor batch_mean = x.mean({0, 2, 3});
      const at::Tensor batch_var = (x - channels(batch_mean)).square().mean({0, 2, 3});
      tensors_[name + "running_mean"] = mean * 0.9 + batch_mean * 0.1;
      tensors_[name + "running_var"] = var * 0.9 + batch_var * (0.1 * n / (n - 1));
      mean = batch_mean, var = batch_var;
    }
    return (x - channels(mean)) / channels((var + 1e-5).sqrt()) *
               channels(tensors_.at(name + "weight")) +
           channels(tensors_.at(name + "bias"));
  }

  bool training_;
};

// As published for shortcuts without parameters, batch normalization counted.
TEST(Resnet, HasThePublishedNumberOfParameters) {
  const std::pair<int64_t, int64_t> sizes[] = {{20, 269'722}, {32, 464'154},    {44, 658'586},
                                               {56, 853'018}, {110, 1'727'962}, {1202, 19'421'274}};
  for (const auto& [depth, count] : sizes)
    EXPECT_EQ(parameter_count(*make_model(resnet(depth, 16), 1, at::kMeta)), count) << depth;
}

TEST(Resnet, IsItsFormulaInTrainingAndOutOfIt) {
  const at::NoGradGuard no_grad;
  for (const auto& [depth, side] : {std::pair<int64_t, int64_t>{8, 8}, {14, 7}, {8, 32}})
    for (const bool training : {true, false}) {
      auto model = scattered_resnet(depth, 6);
      model->train(training);
      Plain plain(*model, training);
      const Batch batch = small_images(3, side);
      const at::Tensor expected = plain.logits(batch.inputs, (depth - 2) / 2);
      EXPECT_LT(largest_difference(model->logits(batch), expected), 2e-4) << depth << training;
      for (const auto& [name, tensor] : model->tensors())
        EXPECT_LT(largest_difference(tensor, plain.tensors_.at(name)), 1e-4) << name << training;
    }
}

TEST(Resnet, OutOfTrainingARowDoesNotSeeTheOthers) {
  const at::NoGradGuard no_grad;
  auto model = scattered_resnet(8, 4);
  const Batch batch = small_images(5, 8);
  const at::Tensor together = model->logits(batch);  // in training
  const at::Tensor alone = model->logits({batch.inputs.narrow(0, 2, 1), {}});
  EXPECT_GT(largest_difference(together[2], alone[0]), 1e-2);
  model->train(false);
  const at::Tensor first = model->logits(batch);
  EXPECT_LT(largest_difference(model->logits({batch.inputs.narrow(0, 2, 1), {}})[0], first[2]),
            1e-5);
  EXPECT_TRUE(model->logits(batch).equal(first));  // nothing has moved
}

TEST(Resnet, GradientsReachEveryParameter) {
  auto model = scattered_resnet(14, 4);
  model->loss(small_images(8, 16)).backward();
  for (const auto& p : model->parameters())
    EXPECT_GT(p.tensor.grad().abs().max().item<double>(), 1e-6) << p.name;
}

TEST(Resnet, StartsAsKaimingSays) {
  auto model = make_model(resnet(20, 16), 3);
  for (const auto& p : model->parameters()) {
    if (p.tensor.dim() == 1) {
      EXPECT_TRUE(p.tensor.eq(p.kind == "gain" ? 1 : 0).all().item<bool>()) << p.name;
      continue;
    }
    const auto fan = static_cast<double>(p.tensor.numel() / p.tensor.size(0));
    const double deviation = std::sqrt(2 / fan), n = static_cast<double>(p.tensor.numel());
    EXPECT_NEAR(p.tensor.std().item<double>() / deviation, 1, 4 / std::sqrt(2 * n)) << p.name;
    EXPECT_NEAR(p.tensor.mean().item<double>() / deviation, 0, 4 / std::sqrt(n)) << p.name;
  }
}

TEST(Resnet, StemNormsAndHeadAreInTheBackup) {
  auto model = make_model(resnet(20, 16), 1);
  int64_t matrices = 0;
  for (const auto& group : route(model->module()))
    for (const auto& [name, tensor] : group.params) {
      const bool inner = name.starts_with("blocks.") && name.find(".conv") != std::string::npos;
      EXPECT_EQ(group.role == Role::matrix, inner) << name;
      matrices += inner;
    }
  EXPECT_EQ(matrices, 18);
}

}  // namespace
}  // namespace steepest::trainer
