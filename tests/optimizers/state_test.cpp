// SPDX-License-Identifier: Apache-2.0
// Saved and loaded, by safetensors or by torch's archive, a run continues bit by bit; a state that
// does not fit changes nothing.
#include <gtest/gtest.h>
#include <torch/serialize/archive.h>

#include "steepest/serialize/snapshot.h"
#include "tests/support/face.h"
#include "tests/support/folder.h"

namespace steepest::test {
namespace {

const Overrides kTracked{.duals = "stale", .f_star_rule = "momo_star"};

// A new optimizer whose weights are a copy of the other's.
std::unique_ptr<Optimizer> twin_of(const Optimizer& other, const Recipe& r) {
  auto groups = groups_of(tiny_leaves(), at::kFloat);
  const auto params = params_of(other);
  for (size_t i = 0; i < groups.size(); ++i) groups[i].params[0].second.copy_(params[i]);
  return std::make_unique<Optimizer>(groups, r);
}

using Transfer = std::function<void(Optimizer& from, Optimizer& to)>;

void by_safetensors(Optimizer& from, Optimizer& to) {
  const Folder folder;
  save(from, folder / "state.safetensors");
  load(to, folder / "state.safetensors");
}

void by_torch_archive(Optimizer& from, Optimizer& to) {
  const Folder folder;
  torch::serialize::OutputArchive out;
  from.save(out);
  out.save_to(folder / "state.pt");
  torch::serialize::InputArchive in;
  in.load_from(folder / "state.pt");
  to.load(in);
}

void expect_continues(const std::string& name, const Overrides& overrides, const Transfer& move) {
  const auto r = recipe(name, overrides);
  Optimizer whole(groups_of(tiny_leaves(), at::kFloat), r);
  train(whole, 0, 7);
  for (auto& group : whole.param_groups()) group.options().set_lr(0.003);  // a schedule's
  whole.observe(at::scalar_tensor(0.9), 2);                                // a micro-batch's
  const auto resumed = twin_of(whole, r);
  move(whole, *resumed);
  train(whole, 7, 14), train(*resumed, 7, 14);
  EXPECT_TRUE(bit_equal(params_of(whole), params_of(*resumed))) << name;
  EXPECT_EQ(whole.skipped_steps(), resumed->skipped_steps());
}

TEST(State, a_run_continues_bit_by_bit) {
  for (const Transfer& move : {Transfer(by_safetensors), Transfer(by_torch_archive)}) {
    for (const char* name : {"muon", "adamw", "sgd", "orthogonal-sgdm", "neon"}) {
      expect_continues(name, {}, move);
    }
    for (const char* name :
         {"muonmax-momo", "muon-adam-momo", "adam-momo", "normalized-sgd-momo"}) {
      expect_continues(name, kTracked, move);
      expect_continues(name, {.f_star_rule = "level"}, move);
      expect_continues(name, {.momo_model = "recursive"}, move);
    }
  }
}

TEST(State, is_saved_under_torchs_names) {
  Optimizer optimizer(groups_of(tiny_leaves()), recipe("muon-adam", exactly()));
  train(optimizer, 0, 2);
  const auto shot = Snapshot::of(optimizer);
  for (const char* key : {"state.mix.momentum_buffer", "state.mix.step", "state.bias.exp_avg",
                          "state.bias.exp_avg_sq"}) {
    EXPECT_NE(find_tensor(shot.tensors, key), nullptr) << key;
  }
}

using Change = std::function<void(Snapshot&)>;

void erase(Snapshot& shot, const std::string& key) {
  std::erase_if(shot.tensors, [&](const auto& entry) { return entry.first == key; });
}
void replace(Snapshot& shot, const std::string& key, const at::Tensor& value) {
  for (auto& [name, tensor] : shot.tensors) {
    if (name == key) tensor = value;
  }
}

bool same_state(const Snapshot& a, const Snapshot& b) {
  if (a.metadata != b.metadata || a.tensors.size() != b.tensors.size()) return false;
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    if (a.tensors[i].first != b.tensors[i].first) return false;
    if (!at::equal(a.tensors[i].second, b.tensors[i].second)) return false;
  }
  return true;
}

Snapshot copy_of(const Optimizer& optimizer) {
  auto shot = Snapshot::of(optimizer);
  for (auto& [name, tensor] : shot.tensors) tensor = tensor.clone();
  return shot;
}

// Each change makes the state one that must be refused, with this word in the message.
std::vector<std::pair<std::string, Change>> damages() {
  return {
      {"recipe", [](Snapshot& s) { s.metadata["recipe"] = "muonmax"; }},
      {"recipe", [](Snapshot& s) { s.metadata.erase("recipe"); }},
      {"format", [](Snapshot& s) { s.metadata["format"] = "else"; }},
      {"groups", [](Snapshot& s) { s.metadata["groups"] = "[]"; }},
      {"groups", [](Snapshot& s) { s.metadata["groups"] = "no json"; }},
      {"places", [](Snapshot& s) { s.metadata["places"] = "[]"; }},
      {"mix: role: received \"backup\", allowed \"matrix\"",
       [](Snapshot& s) { s.metadata["places"] = R"({"mix": {"role": "backup"}})"; }},
      {"mix: transposed: received true, allowed false",
       [](Snapshot& s) {
         s.metadata["places"] = R"({"mix": {"role": "matrix", "transposed": true}})";
       }},
      {"state.mix.momentum_buffer",
       [](Snapshot& s) {
         replace(s, "state.mix.momentum_buffer",
                 at::full({4, 3}, std::numeric_limits<double>::infinity()));
       }},
      {"state.bias.exp_avg_sq",
       [](Snapshot& s) { replace(s, "state.bias.exp_avg_sq", at::full({4}, -1.0)); }},
      {"global.weight", [](Snapshot& s) { replace(s, "global.weight", at::zeros({})); }},
      {"state.mix.more",
       [](Snapshot& s) { s.tensors.emplace_back("state.mix.more", at::ones({1})); }},
      {"names: received \"other\", which no parameter",
       [](Snapshot& s) { s.tensors.emplace_back("state.other.momentum_buffer", at::ones({1})); }},
      {"state.mix.momentum_buffer",
       [](Snapshot& s) {
         replace(s, "state.mix.momentum_buffer", at::ones({3, 4}));
       }},
      {"state.bias.exp_avg_sq",
       [](Snapshot& s) { replace(s, "state.bias.exp_avg_sq", at::ones({5})); }},
      {"state.fused.dual", [](Snapshot& s) { replace(s, "state.fused.dual", at::ones({2})); }},
      {"state.mix.momentum_buffer", [](Snapshot& s) { erase(s, "state.mix.momentum_buffer"); }},
      {"state.bias.exp_avg_sq", [](Snapshot& s) { erase(s, "state.bias.exp_avg_sq"); }},
      {"state.mix.intercept", [](Snapshot& s) { erase(s, "state.mix.intercept"); }},
      {"global.loss_average", [](Snapshot& s) { erase(s, "global.loss_average"); }},
      {"global.step", [](Snapshot& s) { erase(s, "global.step"); }},
      {"state.mix", [](Snapshot& s) { erase(s, "state.mix.step"); }},
  };
}

TEST(State, that_does_not_fit_is_refused_whole) {
  const auto r = recipe("muonmax-momo", exactly(kTracked));
  Optimizer source(groups_of(tiny_leaves(), at::kFloat), r);
  train(source, 0, 9);
  Optimizer target(groups_of(tiny_leaves(), at::kFloat), r);
  train(target, 0, 2);
  const auto before = copy_of(target);
  for (const auto& [word, change] : damages()) {
    auto shot = copy_of(source);
    change(shot);
    const auto message = refusal([&] { shot.restore(target, "here"); });
    EXPECT_NE(message.find(word), std::string::npos) << word << ": " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_TRUE(same_state(before, Snapshot::of(target))) << word;
  }
  copy_of(source).restore(target, "here");
  EXPECT_TRUE(same_state(Snapshot::of(source), Snapshot::of(target)));
}

TEST(State, of_another_model_or_no_file_is_refused) {
  const Folder folder;
  Optimizer optimizer(groups_of(tiny_leaves()), recipe("muon-adam", exactly()));
  train(optimizer, 0, 2);
  save(optimizer, folder / "state");
  Optimizer other({at::zeros({2, 2})}, recipe("muon-adam", exactly()));
  EXPECT_NE(refusal([&] { load(other, folder / "state"); }).find("groups"), std::string::npos);
  EXPECT_NE(refusal([&] { load(other, folder / "none"); }).find("none"), std::string::npos);
}

TEST(State, of_other_choices_is_refused) {
  Optimizer source(groups_of(tiny_leaves()), recipe("muonmax-momo", exactly({.f_star = 0.5})));
  train(source, 0, 2);
  const auto shot = copy_of(source);
  const auto load_into = [&](const Overrides& overrides) {
    Optimizer target(groups_of(tiny_leaves()), recipe("muonmax-momo", overrides));
    return refusal([&] { shot.restore(target, "here"); });
  };
  EXPECT_NE(load_into({.f_star = 0.25}).find("f_star: received 0.5"), std::string::npos);
  EXPECT_NE(load_into({.momentum = 0.9, .f_star = 0.5}).find("momentum"), std::string::npos);
  EXPECT_NE(load_into({.f_star = 0.5, .backup = "inf"}).find("backup.norm"), std::string::npos);
  EXPECT_EQ(load_into({.lr = 1, .f_star = 0.5, .polar_steps = 8}), "");
}

// A file that was written without the groups that are frozen here goes into the others.
TEST(State, of_the_trained_groups_alone_is_taken) {
  const auto trained = [] {
    auto weight = at::ones({3, 4});
    weight.requires_grad_();
    return Group{.params = {{"trained", weight}}, .role = Role::matrix, .options = {.lr = 0.5}};
  };
  const Group frozen{.params = {{"frozen", at::ones({4, 4})}}, .role = Role::matrix};
  Optimizer source({trained()}, recipe("muon"));
  source.param_groups()[0].params()[0].mutable_grad() = at::ones({3, 4});
  source.step();
  const auto shot = copy_of(source);
  Optimizer target({frozen, trained()}, recipe("muon"));
  shot.restore(target, "here");
  EXPECT_EQ(target.param_groups()[0].options().get_lr(), recipe("muon").matrix.lr);
  EXPECT_EQ(target.param_groups()[1].options().get_lr(), 0.5);
  EXPECT_EQ(target.state().size(), 1);
  Optimizer both({trained(), {.params = {{"other", at::ones({4, 4}).requires_grad_()}}}},
                 recipe("muon"));
  EXPECT_NE(refusal([&] { shot.restore(both, "here"); }).find("groups: received 1, allowed 2"),
            std::string::npos);
}

TEST(State, is_made_with_the_first_gradient_only) {
  const auto with = at::ones({3, 4}), without = at::ones({3, 4});
  Optimizer optimizer({with, without}, recipe("muon-adam"));
  with.mutable_grad() = at::ones({3, 4});
  optimizer.step();
  EXPECT_EQ(optimizer.state().size(), 1);
  const auto shot = copy_of(optimizer);
  shot.restore(optimizer, "here");
  EXPECT_EQ(optimizer.state().size(), 1);
}

TEST(State, loaded_tensors_are_the_optimizers_own) {
  const auto r = recipe("muonmax-momo", exactly());
  Optimizer source(groups_of(tiny_leaves()), r);
  train(source, 0, 3);
  const auto shot = copy_of(source);
  Optimizer target(groups_of(tiny_leaves()), r);
  shot.restore(target, "here");
  const auto kept = shot;
  train(target, 3, 6);
  EXPECT_TRUE(same_state(copy_of(source), kept));
}

}  // namespace
}  // namespace steepest::test
