// SPDX-License-Identifier: Apache-2.0
// A snapshot of which anything has been changed is refused in one line, and the optimizer is then
// what it was, to the bit: every tensor in every wrong kind, every number, every text.
#include <gtest/gtest.h>
#include <torch/serialize/archive.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "steepest/serialize/snapshot.h"
#include "tests/support/face.h"

namespace steepest::test {
namespace {

using Json = nlohmann::json;

Recipe tracked() {
  return recipe("muonmax-momo", exactly({.duals = "stale", .f_star_rule = "momo_star"}));
}

Snapshot copy_of(const Optimizer& optimizer) {
  auto shot = Snapshot::of(optimizer);
  for (auto& [name, tensor] : shot.tensors) tensor = tensor.clone();
  return shot;
}

bool same(const Snapshot& a, const Snapshot& b) {
  if (a.metadata != b.metadata || a.tensors.size() != b.tensors.size()) return false;
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    const auto& [name, tensor] = a.tensors[i];
    const auto& [other, value] = b.tensors[i];
    if (name != other || tensor.scalar_type() != value.scalar_type() || !at::equal(tensor, value))
      return false;
  }
  return true;
}

class Tampered : public testing::Test {
 protected:
  Tampered()
      : source(groups_of(tiny_leaves(), at::kFloat), tracked()),
        target(groups_of(tiny_leaves(), at::kFloat), tracked()) {
    train(source, 0, 9), train(target, 0, 2);
    source.observe(at::scalar_tensor(0.5), 2);
    good = copy_of(source), before = copy_of(target);
  }

  void expect_refused(const Snapshot& shot, const std::string& what) {
    const auto message = refusal([&] { shot.restore(target, "here"); });
    EXPECT_EQ(message.find("here: "), 0) << what << ": " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 300) << message;
    EXPECT_EQ(message.find("json.exception"), std::string::npos) << message;
    EXPECT_TRUE(same(before, copy_of(target))) << what;
  }

  Optimizer source, target;
  Snapshot good, before;
};

bool is_number(const std::string& key) {
  return key.starts_with("global.") || key.ends_with(".step");
}

TEST_F(Tampered, tensors_of_another_kind_or_shape) {
  for (size_t i = 0; i < good.tensors.size(); ++i) {
    const auto& [key, tensor] = good.tensors[i];
    std::vector<at::Tensor> wrong = {
        tensor.to(at::kBool), tensor.to(at::kComplexFloat), at::empty_like(tensor, at::kMeta),
        at::Tensor(),         at::zeros({2, 1, 1, 3}),      tensor.to(at::kFloat8_e5m2)};
    if (!is_number(key)) wrong.push_back(tensor.to(at::kLong));
    for (size_t w = 0; w < wrong.size(); ++w) {
      auto shot = good;
      shot.tensors[i].second = wrong[w];
      expect_refused(shot, key + " in kind " + std::to_string(w));
    }
  }
}

TEST_F(Tampered, numbers_that_are_none) {
  for (size_t i = 0; i < good.tensors.size(); ++i) {
    const auto& key = good.tensors[i].first;
    if (!is_number(key)) continue;
    for (const double wrong : {double(NAN), double(INFINITY), -5.0, 0.5, 1e300}) {
      const bool count = key.ends_with("step") || key.ends_with("skipped");
      const bool weight = key.ends_with("observed_weight");
      const bool free = key == "global.observed" || (!count && std::isfinite(wrong));
      if (weight ? wrong > 0 && std::isfinite(wrong) : free) continue;
      auto shot = good;
      shot.tensors[i].second = at::scalar_tensor(wrong, at::kDouble);
      expect_refused(shot, key + " = " + std::to_string(wrong));
    }
  }
}

TEST_F(Tampered, a_tensor_missing_or_given_twice) {
  for (size_t i = 0; i < good.tensors.size(); ++i) {
    const auto key = good.tensors[i].first;
    auto twice = good;
    twice.tensors.push_back(twice.tensors[i]);
    expect_refused(twice, key + " twice");
    if (key == "global.skipped") continue;  // files of older versions have none
    auto missing = good;
    missing.tensors.erase(missing.tensors.begin() + static_cast<int64_t>(i));
    expect_refused(missing, key + " missing");
  }
}

TEST_F(Tampered, texts) {
  const std::string deep(200'000, '['), deep_object = R"({"a":)" + deep;
  const std::string sealed = deep + std::string(200'000, ']');
  for (const char* key : {"format", "recipe", "choices", "groups"}) {
    auto without = good;
    without.metadata.erase(key);
    expect_refused(without, std::string(key) + " missing");
    for (const auto& text : {std::string(), std::string("null"), std::string("{}"),
                             std::string("[1]"), std::string("\"a\nb\""), std::string("1e999"),
                             deep, deep_object, sealed, std::string("\xff\xfe")}) {
      auto shot = good;
      shot.metadata[key] = text;
      expect_refused(shot, std::string(key) + " = " + text.substr(0, 20));
    }
  }
}

TEST_F(Tampered, rates) {
  const auto groups = Json::parse(good.metadata.at("groups"));
  for (const auto& [key, value] : groups[0].items()) {
    for (const auto& wrong : {Json(), Json("0.1"), Json(true), Json(-1), Json(Json::array()),
                              Json(-0.5), Json::parse("{\"a\": 1}")}) {
      auto changed = groups;
      changed[1][key] = wrong;
      auto shot = good;
      shot.metadata["groups"] = changed.dump();
      const auto message = refusal([&] { shot.restore(target, "here"); });
      EXPECT_EQ(message, "here: groups[1]." + key + ": received " + wrong.dump() +
                             ", allowed a finite number from 0 up");
      EXPECT_TRUE(same(before, copy_of(target)));
    }
    auto without = groups;
    without[2].erase(key);
    auto shot = good;
    shot.metadata["groups"] = without.dump();
    expect_refused(shot, key + " missing");
  }
}

TEST_F(Tampered, choices_name_the_first_that_differs) {
  const auto choices = nlohmann::ordered_json::parse(good.metadata.at("choices"));
  auto shot = good;
  auto changed = choices;
  changed["backup"]["norm"] = "inf", changed["update"] = "constrained";
  shot.metadata["choices"] = changed.dump();
  EXPECT_EQ(refusal([&] { shot.restore(target, "here"); }),
            "here: update: received \"constrained\", allowed the optimizer's \"regularized\"");
  for (const auto& [key, value] : choices.items()) {
    if (key == "paper" || key == "equation" || key == "directions" || key == "nonfinite") continue;
    for (const auto& wrong : {Json(), Json(Json::array()), Json(17), Json("other")}) {
      changed = choices;
      changed[key] = wrong;
      shot.metadata["choices"] = changed.dump();
      expect_refused(shot, key);
    }
  }
  changed = choices;
  changed["of_the_future"] = 1;
  shot.metadata["choices"] = changed.dump();
  expect_refused(shot, "an unknown choice");
}

TEST_F(Tampered, the_good_one_is_taken) {
  good.restore(target, "here");
  EXPECT_TRUE(same(good, copy_of(target)));
}

// -- names that only wrappers have changed
// ----------------------------------------------------------

Snapshot renamed(const Snapshot& shot, const std::string& prefix, const std::string& behind = "") {
  auto out = shot;
  for (auto& [key, tensor] : out.tensors) {
    if (!key.starts_with("state.")) continue;
    const auto dot = key.rfind('.');
    key = "state." + prefix + key.substr(6, dot - 6) + behind + key.substr(dot);
  }
  return out;
}

TEST_F(Tampered, names_of_wrappers_are_understood) {
  for (const char* prefix : {"module.", "_orig_mod.", "_orig_mod.module.", "_fsdp_wrapped_module.",
                             "module._checkpoint_wrapped_module."}) {
    Optimizer fresh(groups_of(tiny_leaves(), at::kFloat), tracked());
    renamed(good, prefix).restore(fresh, "here");
    EXPECT_TRUE(same(good, copy_of(fresh))) << prefix;
  }
  expect_refused(renamed(good, "student."), "a name of nobody");
  auto both = renamed(good, "module.");
  for (const auto& entry : good.tensors)
    if (entry.first.starts_with("state.")) both.tensors.push_back(entry);
  expect_refused(both, "two states of one parameter");
}

// -- torch's archive
// --------------------------------------------------------------------------------

std::string load_refusal(Optimizer& optimizer,
                         const std::function<void(torch::serialize::OutputArchive&)>& write) {
  torch::serialize::OutputArchive out;
  write(out);
  std::stringstream stream;
  out.save_to(stream);
  torch::serialize::InputArchive in;
  in.load_from(stream);
  return refusal([&] { optimizer.load(in); });
}

TEST_F(Tampered, archives_of_wrong_kinds) {
  using Out = torch::serialize::OutputArchive;
  const auto text = [](const char* value) { return c10::IValue(std::string(value)); };
  const std::vector<std::function<void(Out&)>> all = {
      [](Out&) {},
      [&](Out& out) { out.write("names", text("[]")); },
      [&](Out& out) { out.write("names", text("[]")), out.write("metadata", c10::IValue(3)); },
      [&](Out& out) { out.write("names", text("no")), out.write("metadata", text("{}")); },
      [&](Out& out) { out.write("names", text("[]")), out.write("metadata", text("[]")); },
      [&](Out& out) { out.write("names", text("[1]")), out.write("metadata", text("{}")); },
      [&](Out& out) { out.write("names", text("null")), out.write("metadata", text("{}")); },
      [&](Out& out) { out.write("names", text("[\"a\"]")), out.write("metadata", text("{}")); },
      [&](Out& out) {
        out.write("names", text("[\"a\"]")), out.write("metadata", text("{\"a\": {}}"));
      },
      [&](Out& out) {
        out.write("names", text("[\"a\"]")), out.write("metadata", text("{}"));
        out.write("tensor0", text("a tensor"));
      },
      [&](Out& out) { out.write("names", text("[[[[")), out.write("metadata", text("{}")); }};
  for (size_t i = 0; i < all.size(); ++i) {
    const auto message = load_refusal(target, all[i]);
    EXPECT_EQ(message.find("torch::load: "), 0) << i << ": " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(message.find("json.exception"), std::string::npos) << message;
    EXPECT_TRUE(same(before, copy_of(target))) << i;
  }
}

}  // namespace
}  // namespace steepest::test
