// SPDX-License-Identifier: Apache-2.0
// What training changes beside the weights is a part of the run: saved, loaded, left alone by steps
// that are refused.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/faults.h"
#include "tests/support/folder.h"
#include "trainer/begin.h"
#include "trainer/config/config.h"
#include "trainer/session.h"

namespace steepest::trainer {
namespace {

const char* const kRun = R"([run]
steps = 9
[model]
kind = "resnet"
depth = 8
width = 4
[data]
kind = "procedural"
train_images = 40
validation_images = 12
side = 8
[batch]
rows = 8
accumulate = 2
[optimizer]
recipe = "muon"
lr = 0.02
)";

RunSpec run(const std::vector<std::string>& changes = {}) {
  return parse_config(kRun, "run.toml", changes);
}

NamedTensors copied(NamedTensors tensors) {
  for (auto& [name, tensor] : tensors) tensor = tensor.clone();
  return tensors;
}

void expect_equal(const NamedTensors& a, const NamedTensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    EXPECT_TRUE(a[i].second.equal(b[i].second)) << a[i].first;
  }
}

TEST(SessionBuffers, ACheckpointGoesOnWithTheSameBits) {
  Session straight(run());
  for (int i = 0; i < 3; ++i) straight.train_step();
  Checkpoint saved = straight.checkpoint("hash");
  saved.model.tensors = copied(saved.model.tensors);
  EXPECT_NE(find_tensor(saved.model.tensors, "blocks.1.norm2.running_var"), nullptr);
  Session resumed(run());
  resumed.restore(saved, "saved");
  expect_equal(resumed.model().tensors(), straight.model().tensors());
  EXPECT_EQ(resumed.evaluate(0).loss, straight.evaluate(0).loss);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(resumed.train_step().loss, straight.train_step().loss);
  expect_equal(resumed.model().tensors(), straight.model().tensors());
}

TEST(SessionBuffers, AValidationDoesNotMoveThem) {
  Session session(run());
  session.train_step();
  const auto before = copied(session.model().tensors());
  const double loss = session.evaluate(0).loss;
  expect_equal(session.model().tensors(), before);
  EXPECT_NEAR(Session(run({"batch.rows=6"})).evaluate(0).loss, Session(run()).evaluate(0).loss,
              1e-5);
  EXPECT_EQ(session.evaluate(0).loss, loss);
}

TEST(SessionBuffers, ARefusedStepDoesNotMoveThem) {
  Session session(run());
  session.train_step();
  at::Tensor bias;
  for (const auto& p : session.model().parameters())
    if (p.name == "blocks.0.norm1.bias") bias = p.tensor.detach();
  const at::Tensor good = bias.clone();
  const auto before = copied(session.model().buffers());
  bias.fill_(std::numeric_limits<double>::infinity());
  EXPECT_TRUE(session.train_step().refused);
  expect_equal(session.model().buffers(), before);
  bias.copy_(good);
  EXPECT_EQ(session.nonfinite_state(), std::vector<std::string>{});
  EXPECT_FALSE(session.train_step().refused);
  EXPECT_FALSE(session.model().buffers()[0].second.equal(before[0].second));
}

TEST(SessionBuffers, NaNInThemIsFound) {
  Session session(run());
  for (auto& [name, buffer] : session.model().buffers())
    if (name == "stem_norm.running_mean") buffer[1].fill_(std::nan(""));
  EXPECT_EQ(session.nonfinite_state(), std::vector<std::string>{"stem_norm.running_mean"});
}

TEST(SessionBuffers, FineTuningBeginsWithThem) {
  const steepest::test::Folder folder;
  Session first(run());
  for (int i = 0; i < 2; ++i) first.train_step();
  save_checkpoint(folder.path(), first.checkpoint("hash"));
  RunSpec spec = run({"run.seed=5"});
  spec.start_from = folder.path();
  Session second(spec);
  begin_run(second);
  expect_equal(second.model().tensors(), first.model().tensors());
  spec.model.resnet.depth = 14;
  Session deeper(spec);
  const auto error = steepest::test::error_of([&] { begin_run(deeper); });
  EXPECT_NE(error.find("allowed [4, 4, 3, 3]"), std::string::npos) << error;
}

}  // namespace
}  // namespace steepest::trainer
