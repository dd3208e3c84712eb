// SPDX-License-Identifier: Apache-2.0
// What a run would take, against numbers counted by hand or published; no weight is allocated.
#include "trainer/dry_run.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>

#include "steepest/serialize/snapshot.h"
#include "trainer/config/config.h"
#include "trainer/config/presets.h"
#include "trainer/models/cost.h"
#include "trainer/session.h"

namespace steepest::trainer {
namespace {

RunSpec preset(const std::string& name, const std::vector<std::string>& sets = {}) {
  return parse_config("preset = '" + name + "'", "preset", sets);
}

const char* const kImages =
    "[model]\nkind = \"cnn\"\n[data]\nkind = \"procedural\"\ntrain_images = 40\n"
    "validation_images = 10\n[batch]\nrows = 8\n";

TEST(DryRun, PresetsHaveThePublishedSizes) {
  EXPECT_EQ(cost_of(preset("track3")).parameters, 162'303'744);
  EXPECT_EQ(cost_of(preset("resnet20")).parameters, 269'722);
  EXPECT_EQ(cost_of(preset("ned-small")).parameters, 124'439'808);
  EXPECT_EQ(cost_of(preset("ned-large")).parameters, 774'030'080);
  // As nanoGPT counts its own, 10.65 million with 65 characters, here 256 bytes; the positions too.
  EXPECT_EQ(cost_of(preset("nanogpt-char")).parameters,
            6 * 12 * 384 * 384 + 13 * 384 + (256 + 256) * 384);
  EXPECT_EQ(cost_of(preset("track3")).items, 3250. * 524'288);
}

TEST(DryRun, APresetIsARunFileBeneathTheFile) {
  const RunSpec spec = parse_config(
      "preset = \"track3\"\n[run]\nsteps = 7\n[[group]]\nmatch = \"head.*\"\nlr = 0.5\n",
      "run.toml", {"optimizer.lr=0.1"});
  EXPECT_EQ(spec.steps, 7);
  EXPECT_EQ(spec.model.gpt.layers, 12);
  EXPECT_EQ(spec.optimizer.lr, 0.1);
  ASSERT_EQ(spec.groups.size(), 1u);  // the file's own in place of the preset's
  EXPECT_EQ(spec.groups[0].options.lr, 0.5);
  EXPECT_EQ(preset("track3").groups.size(), 2u);
  for (const auto& one : presets())
    EXPECT_EQ(resolved_toml(parse_config(resolved_toml(preset(one.name)), "again")),
              resolved_toml(preset(one.name)));
  const auto error = [](const std::string& text) {
    try {
      parse_config(text, "run.toml");
    } catch (const ConfigError& refused) {
      return std::string(refused.what());
    }
    return std::string("accepted");
  };
  const std::string names = "track3, resnet20, airbench94, nanogpt-char, ned-small, ned-large";
  EXPECT_EQ(error("preset = \"resnet\""),
            "run.toml:1: preset: received \"resnet\", allowed " + names + "; nearest: resnet20");
  EXPECT_EQ(error("preset = 3"), "run.toml:1: preset: received 3, allowed " + names);
  EXPECT_EQ(
      error("preset = \"track3\"\n[model]\nkind = \"mlp\"\n"),
      "preset track3:8: model.vocab: received a value with model.kind \"mlp\", allowed with gpt");
}

// 6 N + 12 L T d a token, N without the table of positions (Chowdhery et al. 2022, appendix B); and
// multiplications of ResNet-20 as its authors count them.
TEST(DryRun, PassesAreThePublishedCount) {
  const RunSpec spec = preset("ned-small");
  const double n = 124'439'808 - 1024 * 768 - (25 * 2 + 12 * 9) * 768;  // no gains and biases
  const double token = 6 * n + 12 * 12 * 1024. * 768;
  EXPECT_NEAR(cost_of(spec).pass_flops / (token * 524'288), 1, 1e-12);
  EXPECT_EQ(pass_cost(preset("resnet20").model, 0, 32).flops, 2 * 40'551'040.);
}

// Muon on one matrix [512, 3072]: five steps of 4 n^2 m + 2 n^3.
TEST(DryRun, OptimizerProductsAreBelowThePublishedBound) {
  const std::string mlp =
      "[model]\nkind = \"mlp\"\n[data]\nkind = \"procedural\"\n[batch]\nrows = 64\n";
  const auto cost = cost_of(parse_config(mlp, "run.toml"));
  const double n = 512, m = 3072;
  EXPECT_EQ(cost.optimizer_flops, 5 * (4 * n * n * m + 2 * n * n * n));
  EXPECT_EQ(cost.published_bound, 5 * n / 64);
  EXPECT_LT(cost.optimizer_flops / cost.pass_flops, cost.published_bound);
  EXPECT_EQ(cost_of(parse_config(mlp, "run.toml", {"optimizer.recipe=adamw"})).optimizer_flops, 0);
  EXPECT_TRUE(std::isnan(
      cost_of(parse_config(mlp, "run.toml", {"optimizer.recipe=neon"})).optimizer_flops));
  const auto track3 = cost_of(preset("track3"));
  EXPECT_NEAR(track3.published_bound, 12 * 768. / 524'288, 1e-12);
  EXPECT_LT(track3.optimizer_flops / track3.pass_flops, track3.published_bound);
}

// The bytes that a real optimizer has made after its first step.
TEST(DryRun, StateIsThatOfARealRun) {
  for (const std::string recipe : {"muon", "muonmax-momo", "adamw", "soap", "normuon", "sgd"})
    for (const std::string dtype : {"float32", "bfloat16"}) {
      if (recipe == "sgd" && dtype == "bfloat16") continue;  // it has no momentum
      const RunSpec spec =
          parse_config(kImages, "run.toml",
                       {"optimizer.recipe=" + recipe, "optimizer.momentum_dtype=" + dtype,
                        "model.channels=[4]", "model.hidden=16"});
      Session session(spec);
      session.train_step();
      double bytes = 0;
      for (const auto& [name, tensor] : Snapshot::of(session.optimizer()).tensors)
        if (name.starts_with("state.") && !name.ends_with(".step"))
          bytes += static_cast<double>(tensor.nbytes());
      EXPECT_EQ(cost_of(spec).state, bytes) << recipe << " " << dtype;
    }
}

TEST(DryRun, AllocatesNoWeights) {
  rusage before{}, after{};
  dry_run_text(preset("resnet20"));  // what torch itself takes
  getrusage(RUSAGE_SELF, &before);
  const std::string text = dry_run_text(preset("ned-large"));
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 100'000) << "KB, of 3.1 GB of weights";
  for (const char* part :
       {"group 1: spectral, polar_express(steps=6, dtype=float32)",
        "memory: weights 3.1 GB, gradients 3.1 GB, optimizer ", "; T m / B = 1.46 %",
        "1907 steps, 999817216 tokens; here ", "blocks.35.mlp.down.weight"})
    EXPECT_NE(text.find(part), text.npos) << part;
}

}  // namespace
}  // namespace steepest::trainer
