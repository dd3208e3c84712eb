// SPDX-License-Identifier: Apache-2.0
// airbench94's network against its formula in float64, its first values, and what looks at images
// before and beside training: whitening, views, smoothed labels.
#include <ATen/ATen.h>

#include <cmath>

#include "steepest/route.h"
#include "tests/trainer_models/models.h"
#include "trainer/config/config.h"
#include "trainer/models/airbench.h"
#include "trainer/models/views.h"
#include "trainer/session.h"

namespace steepest::trainer {
namespace {

using namespace test;

ModelSpec airbench(std::vector<int64_t> channels, int64_t side) {
  ModelSpec spec;
  spec.kind = "airbench";
  spec.airbench = {.channels = std::move(channels), .side = side};
  return spec;
}

Batch small_images(int64_t rows, int64_t side, uint64_t seed = 1) {
  Batch batch = images(rows, seed);
  batch.inputs = batch.inputs.narrow(2, 0, side).narrow(3, 0, side).contiguous();
  return batch;
}

// A network whose filters whiten, and whose biases and running means are not 0.
std::unique_ptr<Model> scattered(const ModelSpec& spec) {
  auto model = make_model(spec, 1);
  model->prepare(small_images(20, spec.airbench.side, 5).inputs);
  at::Generator random = make_generator(at::kCPU, 99);
  const at::NoGradGuard no_grad;
  for (auto& p : model->parameters())
    if (p.tensor.dim() == 1) p.tensor.normal_(0, 0.2, random);
  for (auto& [name, buffer] : model->buffers())
    if (!name.starts_with("whiten"))
      buffer.uniform_(name.ends_with("var") ? 0.5 : -0.5, name.ends_with("var") ? 2 : 0.5, random);
  return model;
}

// The tensors of a model by name, in float64.
class Plain {
 public:
  Plain(Model& model, bool training) : training_(training) {
    for (const auto& [name, tensor] : model.tensors())
      tensors_[name] = tensor.to(at::kDouble, false, /*copy=*/true);
  }

  at::Tensor logits(const at::Tensor& images, size_t groups) {
    at::Tensor x =
        gelu(taps("whiten.weight", images.to(at::kDouble)) + channels(tensors_.at("whiten.bias")));
    for (size_t i = 0; i < groups; ++i) {
      const std::string name = "groups." + std::to_string(i) + ".";
      x = pooled(taps(name + "conv1.weight", bordered(x)));
      x = gelu(norm(name + "norm1.", x));
      x = gelu(norm(name + "norm2.", taps(name + "conv2.weight", bordered(x))));
    }
    const at::Tensor best = std::get<0>(x.flatten(2).max(2));
    return best.matmul(tensors_.at("head.weight").t()) / static_cast<double>(best.size(1));
  }

  std::map<std::string, at::Tensor> tensors_;

 private:
  static at::Tensor gelu(const at::Tensor& x) { return x * (1 + (x / std::sqrt(2.)).erf()) / 2; }
  static at::Tensor channels(const at::Tensor& t) { return t.reshape({1, -1, 1, 1}); }
  static at::Tensor bordered(const at::Tensor& x) {
    at::Tensor wide = at::zeros({x.size(0), x.size(1), x.size(2) + 2, x.size(3) + 2}, x.options());
    wide.narrow(2, 1, x.size(2)).narrow(3, 1, x.size(3)).copy_(x);
    return wide;
  }
  // The largest of each 2x2 pixels; what is left over at the lower and right edge is dropped.
  static at::Tensor pooled(const at::Tensor& x) {
    const int64_t even = x.size(2) / 2 * 2;
    const auto part = [&](int64_t i, int64_t j) {
      return x.slice(2, i, even, 2).slice(3, j, even, 2);
    };
    return at::maximum(at::maximum(part(0, 0), part(0, 1)), at::maximum(part(1, 0), part(1, 1)));
  }
  // A convolution without a border, as the sum over its taps.
  at::Tensor taps(const std::string& name, const at::Tensor& x) {
    const at::Tensor& w = tensors_.at(name);
    const int64_t out = x.size(2) - w.size(2) + 1;
    at::Tensor y = at::zeros({x.size(0), w.size(0), out, out}, x.options());
    for (int64_t i = 0; i < w.size(2); ++i)
      for (int64_t j = 0; j < w.size(3); ++j) {
        const at::Tensor tap = x.narrow(2, i, out).narrow(3, j, out);
        y += w.select(3, j).select(2, i).matmul(tap.flatten(2)).reshape_as(y);
      }
    return y;
  }
  // In training the running mean and variance move by .4 of the way.
  at::Tensor norm(const std::string& name, const at::Tensor& x) {
    at::Tensor mean = tensors_.at(name + "running_mean"), var = tensors_.at(name + "running_var");
    if (training_) {
      const auto n = static_cast<double>(x.numel() / x.size(1));
      const at::Tensor batch_mean = x.mean({0, 2, 3});
      const at::Tensor batch_var = (x - channels(batch_mean)).square().mean({0, 2, 3});
      tensors_[name + "running_mean"] = mean * 0.6 + batch_mean * 0.4;
      tensors_[name + "running_var"] = var * 0.6 + batch_var * (0.4 * n / (n - 1));
      mean = batch_mean, var = batch_var;
    }
    return (x - channels(mean)) / channels((var + 1e-12).sqrt()) +
           channels(tensors_.at(name + "bias"));
  }

  bool training_;
};

// The published network: 1,967,616 weights of filters, 1,152 biases of normalizations, 24 of the
// first layer and 2,560 weights of the head are trained.
TEST(Airbench, HasThePublishedNumberOfParameters) {
  auto model = make_model(airbench({64, 256, 256}, 32), 1, at::kMeta);
  EXPECT_EQ(parameter_count(*model), 1'967'616 + 1'152 + 24 + 2'560);
  int64_t filters = 0;
  for (const auto& p : model->parameters()) filters += p.tensor.dim() == 4 ? p.tensor.numel() : 0;
  EXPECT_EQ(filters, 1'967'616);
}

TEST(Airbench, IsItsFormulaInTrainingAndOutOfIt) {
  const at::NoGradGuard no_grad;
  const std::pair<std::vector<int64_t>, int64_t> sizes[] = {
      {{6, 9, 8}, 32}, {{5, 7}, 11}, {{8}, 4}, {{4, 4, 4}, 16}};
  for (const auto& [channels, side] : sizes)
    for (const bool training : {true, false}) {
      auto model = scattered(airbench(channels, side));
      model->train(training);
      Plain plain(*model, training);
      const Batch batch = small_images(3, side);
      const at::Tensor expected = plain.logits(batch.inputs, channels.size());
      EXPECT_LT(largest_difference(model->logits(batch), expected), 2e-4) << side << training;
      for (const auto& [name, tensor] : model->tensors())
        EXPECT_LT(largest_difference(tensor, plain.tensors_.at(name)), 1e-4) << name << training;
    }
}

TEST(Airbench, GradientsReachEveryParameter) {
  auto model = scattered(airbench({4, 6}, 12));
  model->loss(small_images(8, 12)).backward();
  for (const auto& p : model->parameters())
    EXPECT_GT(p.tensor.grad().abs().max().item<double>(), 1e-7) << p.name;
}

TEST(Airbench, FiltersWhitenThePatches) {
  const at::Tensor images = small_images(30, 9, 3).inputs.to(at::kDouble);
  const at::Tensor filters = whitening_filters(images).reshape({24, 12});
  at::Tensor sum = at::zeros({12, 12}, at::kDouble);
  for (int64_t y = 0; y + 2 <= 9; ++y)
    for (int64_t x = 0; x + 2 <= 9; ++x) {
      const at::Tensor patch = images.narrow(2, y, 2).narrow(3, x, 2).reshape({30, 12});
      sum += patch.t().matmul(patch);
    }
  const at::Tensor mean = sum / (30. * 64.);
  EXPECT_TRUE(filters.narrow(0, 12, 12).equal(-filters.narrow(0, 0, 12)));
  const at::Tensor half = filters.narrow(0, 0, 12);
  const at::Tensor after = half.matmul(mean).matmul(half.t());  // lambda / (lambda + eps)
  const at::Tensor values = std::get<0>(at::linalg_eigh(mean)).flip(0);
  EXPECT_LT(largest_difference(after, at::diag(values / (values + 5e-4))), 1e-9);
}

TEST(Airbench, FiltersBeginByPassingChannelsOn) {
  auto model = make_model(airbench({30, 40}, 32), 3);
  for (const auto& p : model->parameters()) {
    if (p.tensor.dim() == 1) {
      const double bound = p.name == "whiten.bias" ? 1 / std::sqrt(12.) : 0;
      EXPECT_LE(p.tensor.abs().max().item<double>(), bound) << p.name;
    } else if (p.tensor.dim() == 2) {
      EXPECT_NEAR(p.tensor.std().item<double>(), 1, 1e-5);
    } else {
      EXPECT_NEAR(p.tensor.norm().item<double>(), std::sqrt(p.tensor.size(0)), 1e-4) << p.name;
      const int64_t in = p.tensor.size(1);
      const at::Tensor first = p.tensor.narrow(0, 0, in).detach();
      const at::Tensor center = first.select(3, 1).select(2, 1);
      const double one = center[0][0].item<double>();
      EXPECT_GT(one, 0.1);
      EXPECT_LT(largest_difference(center, at::eye(in) * one), 1e-12) << p.name;
      EXPECT_EQ(first.count_nonzero().item<int64_t>(), in) << p.name;
    }
  }
}

TEST(Airbench, ASessionWhitensByTheFirstTrainingImages) {
  const RunSpec spec =
      parse_config("", "run",
                   {"run.steps=4", "model.kind=airbench", "model.channels=[4, 6]",
                    "data.kind=procedural", "data.side=8", "data.train_images=40",
                    "data.validation_images=10", "data.flip=true", "batch.rows=8"});
  Session session(spec);
  const auto* filters = find_tensor(session.model().tensors(), "whiten.weight");
  ASSERT_NE(filters, nullptr);
  const at::Tensor before = filters->clone();
  EXPECT_LT(largest_difference(
                before, whitening_filters(session.data().first_items(Split::train, 5000).inputs)),
            1e-5);
  EXPECT_EQ(session.data().first_items(Split::train, 7).targets.size(0), 7);
  session.train_step();
  EXPECT_TRUE(find_tensor(session.model().tensors(), "whiten.weight")->equal(before));
}

TEST(Views, AreAveragedOutOfTrainingAlone) {
  const at::NoGradGuard no_grad;
  ModelSpec spec = airbench({6, 8}, 12);
  spec.views = 6;
  auto model = scattered(spec);
  model->train(false);
  const Batch batch = small_images(4, 12);
  const at::Tensor x = batch.inputs;
  // Pixel i of the image that is shifted by d: reflected at the edges.
  const auto shifted = [&](int64_t d) {
    at::Tensor out = x.clone();
    const auto at_place = [](int64_t i) { return i < 0 ? -i : i > 11 ? 22 - i : i; };
    for (int64_t i = 0; i < 12; ++i)
      for (int64_t j = 0; j < 12; ++j)
        out.select(3, j).select(2, i).copy_(
            x.select(3, at_place(j + d)).select(2, at_place(i + d)));
    return out;
  };
  const auto one = [&](const at::Tensor& images) { return model->logits({images, {}}); };
  const auto both = [&](const at::Tensor& images) {
    return (one(images) + one(images.flip(3))) / 2;
  };
  const at::Tensor six = both(x) / 2 + (both(shifted(-1)) + both(shifted(1))) / 4;
  EXPECT_LT(largest_difference(mean_logits(*model, batch, 6), six), 1e-6);
  EXPECT_LT(largest_difference(mean_logits(*model, batch, 2), both(x)), 1e-6);
  EXPECT_TRUE(mean_logits(*model, batch, 1).equal(one(x)));
  EXPECT_LT(largest_difference(model->loss(batch), cross_entropy(six, batch.targets)), 1e-6);
  EXPECT_GT(largest_difference(one(x), six), 1e-3);
  spec.views = 3;
  EXPECT_THROW(make_model(spec, 1), std::invalid_argument);
}

TEST(LabelSmoothing, IsOfTrainingAlone) {
  const at::NoGradGuard no_grad;
  ModelSpec spec;
  spec.kind = "mlp";
  spec.mlp.widths = {16};
  spec.label_smoothing = 0.2;
  auto model = make_model(spec, 1);
  const Batch batch = images(6);
  const at::Tensor logs = model->logits(batch).to(at::kDouble).log_softmax(1);
  const at::Tensor own = logs.gather(1, batch.targets.unsqueeze(1)).squeeze(1);
  const at::Tensor smoothed = -(own * 0.8 + logs.mean(1) * 0.2).mean();
  EXPECT_LT(largest_difference(model->loss(batch), smoothed), 1e-6);
  model->train(false);
  EXPECT_LT(largest_difference(model->loss(batch), -own.mean()), 1e-6);
}

// The first layer's bias learns for half of the run, by the schedule of half a run.
TEST(GroupSteps, EndTheScheduleOfAGroup) {
  const RunSpec spec = parse_config(
      "", "run",
      {"run.steps=8", "model.kind=airbench", "model.channels=[4]", "data.kind=procedural",
       "data.side=4", "data.train_images=40", "data.validation_images=10", "batch.rows=8",
       "optimizer.backup_lr=0.01", "schedule.kind=constant_linear", "schedule.constant_fraction=0",
       "group.0.match=whiten.bias", "group.0.steps=4", "group.0.lr=0.5"});
  Session session(spec);
  const auto rate = [&](size_t group) {
    return session.optimizer().param_groups()[group].options().get_lr();
  };
  const size_t own = session.groups().size() - 1;
  ASSERT_EQ(session.groups()[own].params.front().first, "whiten.bias");
  for (int64_t step = 0; step < 7; ++step) {  // at the last step every rate is 0
    session.train_step();
    const double expected = step < 4 ? 0.5 * schedule_factor(spec.schedule, step, 4) : 0;
    EXPECT_NEAR(rate(own), expected, 1e-12) << step;
    for (size_t group = 0; group < own; ++group) EXPECT_GT(rate(group), 0) << step;
  }
  EXPECT_EQ(parse_config(resolved_toml(spec), "again").groups[0].steps, 4);
  EXPECT_THROW(parse_config("", "run",
                            {"data.path=x", "run.steps=8", "schedule.kind=cosine",
                             "schedule.warmup=3", "group.0.match=*", "group.0.steps=2"}),
               ConfigError);
}

}  // namespace
}  // namespace steepest::trainer
