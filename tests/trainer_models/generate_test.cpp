// SPDX-License-Identifier: Apache-2.0
// Sampling.
#include "trainer/models/generate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include <set>

#include "tests/trainer_models/models.h"

namespace steepest::trainer {
namespace {

using namespace test;
using Tokens = std::vector<int64_t>;

at::Generator random(uint64_t seed) { return make_generator(at::kCPU, seed); }

// Token by token from the logits of the last tokens that fit.
Tokens likeliest(Model& model, Tokens tokens, int64_t n) {
  const at::NoGradGuard no_grad;
  Tokens made;
  for (int64_t i = 0; i < n; ++i) {
    const Tokens seen(tokens.size() > 12 ? tokens.end() - 12 : tokens.begin(), tokens.end());
    const at::Tensor logits = model.logits({at::tensor(seen, at::kLong).unsqueeze(0), {}});
    made.push_back(logits[0][-1].argmax().item<int64_t>());
    tokens.push_back(made.back());
  }
  return made;
}

TEST(Generate, WithoutTemperatureIsTheLikeliest) {
  auto model = scattered(small());
  const Tokens expected = likeliest(*model, {3, 1, 4}, 30);  // goes beyond the context of 12
  EXPECT_GT(std::set(expected.begin(), expected.end()).size(), 1u);
  EXPECT_EQ(generate(*model, {3, 1, 4}, 30, {.temperature = 0}, random(1)), expected);
  EXPECT_EQ(generate(*model, {3, 1, 4}, 30, {.top_k = 1}, random(1)), expected);
  EXPECT_TRUE(generate(*model, {3}, 0, {}, random(1)).empty());
}

TEST(Generate, IsAFunctionOfItsGenerator) {
  auto model = scattered(small());
  const Tokens first = generate(*model, {1}, 20, {}, random(1));
  EXPECT_EQ(generate(*model, {1}, 20, {}, random(1)), first);
  EXPECT_NE(generate(*model, {1}, 20, {}, random(2)), first);
}

TEST(Generate, DrawsFromTheModelsDistribution) {
  const at::NoGradGuard no_grad;
  auto model = scattered(small());
  const at::Tensor p =
      model->logits({at::tensor(Tokens{7}, at::kLong).unsqueeze(0), {}})[0][0].div(0.5).softmax(0);
  const auto top = std::get<1>(p.topk(3));
  at::Generator generator = random(1);
  std::map<int64_t, int> met;
  for (int i = 0; i < 3000; ++i)
    ++met[generate(*model, {7}, 1, {.temperature = 0.5, .top_k = 3}, generator)[0]];
  ASSERT_EQ(met.size(), 3u);
  const double mass = p.index_select(0, top).sum().item<double>();
  for (int64_t i = 0; i < 3; ++i) {
    const auto token = top[i].item<int64_t>();
    EXPECT_NEAR(met[token] / 3000., p[token].item<double>() / mass, 0.05) << token;
  }
}

TEST(Generate, TurnsDropoutOffMeanwhile) {
  GptSpec spec = small();
  auto plain = scattered(spec);
  spec.dropout = 0.5;
  auto model = scattered(spec);
  EXPECT_EQ(generate(*model, {1}, 20, {.temperature = 0}, random(1)),
            generate(*plain, {1}, 20, {.temperature = 0}, random(1)));
  EXPECT_TRUE(model->is_training());
  model->train(false);
  generate(*model, {1}, 1, {}, random(1));
  EXPECT_FALSE(model->is_training());
}

TEST(Generate, WrongPromptsAreRefused) {
  auto model = make(small());
  EXPECT_THROW(generate(*model, {}, 1, {}, random(1)), std::invalid_argument);
  EXPECT_THROW(generate(*model, {31}, 1, {}, random(1)), std::invalid_argument);
  EXPECT_THROW(generate(*model, {-1}, 1, {}, random(1)), std::invalid_argument);
  EXPECT_THROW(generate(*model, {1}, 1, {.temperature = -1}, random(1)), std::invalid_argument);
  ModelSpec spec;
  spec.kind = "cnn";
  auto cnn = make_model(spec, 1);
  EXPECT_THROW(generate(*cnn, {1}, 1, {}, random(1)), std::invalid_argument);
}

}  // namespace
}  // namespace steepest::trainer
