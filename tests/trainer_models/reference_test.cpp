// SPDX-License-Identifier: Apache-2.0
// The transformer against a plain one, number by number, in float64.
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numbers>

#include "tests/trainer_models/models.h"

namespace steepest::trainer {
namespace {

using namespace test;
using Vector = std::vector<double>;
using Rows = std::vector<Vector>;  // one for each position

class Plain {
 public:
  Plain(const GptSpec& spec, Model& model) : spec_(spec) {
    for (const auto& p : model.parameters()) {
      const at::Tensor values = p.tensor.to(at::kDouble).contiguous();
      values_[p.name].assign(values.const_data_ptr<double>(),
                             values.const_data_ptr<double>() + values.numel());
    }
  }

  Rows logits(const std::vector<int64_t>& tokens) const {
    Rows x;
    for (size_t t = 0; t < tokens.size(); ++t) {
      x.push_back(slice("token_embedding.weight", tokens[t]));
      if (spec_.positions == "learned")
        add(x[t], slice("position_embedding.weight", static_cast<int64_t>(t)));
    }
    for (int64_t i = 0; i < spec_.layers; ++i) {
      const std::string block = "blocks." + std::to_string(i) + ".";
      const Rows mixed = attention(each(x, block + "attention_norm"), block + "attention.");
      for (size_t t = 0; t < x.size(); ++t) add(x[t], mixed[t]);
      for (size_t t = 0; t < x.size(); ++t) add(x[t], mlp(norm(x[t], block + "mlp_norm"), block));
    }
    for (Vector& v : x)
      v = linear(norm(v, "final_norm"), spec_.tied ? "token_embedding" : "head", spec_.vocab);
    return x;
  }

 private:
  static void add(Vector& x, const Vector& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  Vector slice(const std::string& name, int64_t index) const {
    const auto begin = values_.at(name).begin() + index * spec_.width;
    return {begin, begin + spec_.width};
  }

  Vector linear(const Vector& x, const std::string& name, int64_t out) const {
    const Vector& w = values_.at(name + ".weight");
    Vector y(static_cast<size_t>(out));
    for (size_t o = 0; o < y.size(); ++o) {
      for (size_t i = 0; i < x.size(); ++i) y[o] += w[o * x.size() + i] * x[i];
      if (values_.count(name + ".bias")) y[o] += values_.at(name + ".bias")[o];
    }
    return y;
  }

  Vector norm(const Vector& x, const std::string& name) const {
    const bool layer = spec_.normalization == "layer" && !name.empty();  // "": queries, keys
    double mean = 0, power = 0;
    for (const double v : x) mean += layer ? v / static_cast<double>(x.size()) : 0;
    for (const double v : x) power += (v - mean) * (v - mean) / static_cast<double>(x.size());
    Vector y;
    for (const double v : x) y.push_back((v - mean) / std::sqrt(power + (layer ? 1e-5 : 1e-6)));
    if (!name.empty()) {
      for (size_t i = 0; i < y.size(); ++i) y[i] *= values_.at(name + ".weight")[i];
      if (values_.count(name + ".bias")) add(y, values_.at(name + ".bias"));
    }
    return y;
  }
  Rows each(const Rows& x, const std::string& name) const {
    Rows y;
    for (const Vector& v : x) y.push_back(norm(v, name));
    return y;
  }

  // One head's query or key at position t.
  Vector prepared(const Vector& x, size_t t) const {
    Vector y = spec_.qk_norm ? norm(x, "") : x;
    if (spec_.positions != "rotary") return y;
    const double pairs = static_cast<double>(y.size() / 2);
    const double turning = std::max(1., std::round(spec_.rotary_fraction * pairs));
    for (size_t i = 0; i < y.size() / 2 && static_cast<double>(i) < turning; ++i) {
      const double angle =
          static_cast<double>(t) * std::pow(spec_.rotary_base, -static_cast<double>(i) / turning);
      const double a = y[2 * i], b = y[2 * i + 1];
      y[2 * i] = a * std::cos(angle) - b * std::sin(angle);
      y[2 * i + 1] = a * std::sin(angle) + b * std::cos(angle);
    }
    return y;
  }

  Vector head_of(const Vector& x, size_t head) const {
    const auto size = static_cast<std::ptrdiff_t>(spec_.width / spec_.heads);
    const auto begin = x.begin() + static_cast<std::ptrdiff_t>(head) * size;
    return {begin, begin + size};
  }

  Rows attention(const Rows& x, const std::string& name) const {
    std::array<Rows, 3> qkv;
    for (const Vector& v : x) {
      const Vector all = spec_.fused_qkv ? linear(v, name + "qkv", 3 * spec_.width) : Vector{};
      int64_t part = 0;
      for (const char* one : {"query", "key", "value"}) {
        const auto begin = all.begin() + part * spec_.width * !all.empty();
        qkv[static_cast<size_t>(part++)].push_back(
            all.empty() ? linear(v, name + one, spec_.width) : Vector(begin, begin + spec_.width));
      }
    }
    Rows y;
    for (size_t t = 0; t < x.size(); ++t) {
      Vector joined;
      for (size_t h = 0; h < static_cast<size_t>(spec_.heads); ++h)
        for (const double v : attend(qkv, t, h)) joined.push_back(v);
      y.push_back(linear(joined, name + "output", spec_.width));
    }
    return y;
  }

  Vector attend(const std::array<Rows, 3>& qkv, size_t t, size_t h) const {
    const Vector q = prepared(head_of(qkv[0][t], h), t);
    const double scale = spec_.attention_scale > 0 ? spec_.attention_scale
                                                   : 1 / std::sqrt(static_cast<double>(q.size()));
    Vector y(q.size());
    double total = 0;
    for (size_t s = 0; s <= t; ++s) {
      const Vector k = prepared(head_of(qkv[1][s], h), s), v = head_of(qkv[2][s], h);
      double score = 0;
      for (size_t i = 0; i < q.size(); ++i) score += q[i] * k[i] * scale;
      total += std::exp(score);
      for (size_t i = 0; i < y.size(); ++i) y[i] += std::exp(score) * v[i];
    }
    for (double& value : y) value /= total;
    return y;
  }

  Vector mlp(const Vector& x, const std::string& block) const {
    const auto inner =
        static_cast<int64_t>(values_.at(block + "mlp.down.weight").size()) / spec_.width;
    Vector h = linear(x, block + "mlp.up", inner);
    if (spec_.activation == "swiglu") {
      const Vector g = linear(x, block + "mlp.gate", inner);
      for (size_t i = 0; i < h.size(); ++i) h[i] *= g[i] / (1 + std::exp(-g[i]));
    } else {
      for (double& v : h) v = activated(v);
    }
    return linear(h, block + "mlp.down", spec_.width);
  }

  double activated(double v) const {
    if (spec_.activation == "relu2") return v > 0 ? v * v : 0;
    return v / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + .044715 * v * v * v)));
  }

  GptSpec spec_;
  std::map<std::string, Vector> values_;
};

TEST(Reference, EveryVariantIsThePlainTransformer) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, spec] : variants()) {
    if (spec.logit_cap > 0) continue;  // has a test of its own
    auto model = scattered(spec);
    const Batch batch = tokens(spec, 1);
    const at::Tensor logits = model->logits(batch)[0];
    const int64_t* first = batch.inputs.const_data_ptr<int64_t>();
    const Rows expected = Plain(spec, *model).logits({first, first + spec.context});
    const auto got = logits.accessor<float, 2>();
    double worst = 0;
    for (int64_t t = 0; t < spec.context; ++t)
      for (int64_t v = 0; v < spec.vocab; ++v)
        worst = std::max(
            worst, std::abs(got[t][v] - expected[static_cast<size_t>(t)][static_cast<size_t>(v)]));
    EXPECT_LT(worst, 1e-4) << name;
    EXPECT_GT(logits.abs().max().item<double>(), 0.3) << name;
  }
}

}  // namespace
}  // namespace steepest::trainer
