// SPDX-License-Identifier: Apache-2.0
#include "steepest/routing/layouts.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "steepest/routing/fused.h"
#include "steepest/routing/names.h"

namespace steepest::routing {
namespace {

using Shape = std::vector<int64_t>;

std::string lower(std::string text) {
  for (char& c : text) c = 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

Layout convolution(const Fact& f) {
  const bool transposed =
      kind_has(f, "ConvTranspose") || flag(f.numbers, "transposed").value_or(false);
  std::string words =
      transposed ? "transposed convolution, stored (in, out k)" : "convolution, flattened";
  if (number(f.numbers, {"groups"}).value_or(1) > 1) words += ", its groups together";
  return {{.transposed = transposed}, words};
}

std::vector<const Shape*> besides(const Fact& f, const Model& model, const Names& names) {
  std::vector<const Shape*> shapes;
  for (const Fact* other : model.siblings(f)) {
    if (names.match(other->leaf) && other->shape.size() > 1) shapes.push_back(&other->shape);
  }
  if (names.match(f.leaf)) shapes.push_back(&f.shape);
  return shapes;
}

// From the bias (E, out) of a stack.
std::optional<bool> in_out_by_bias(const Fact& f, const Model& model) {
  const int64_t rows = f.shape[f.shape.size() - 2], cols = f.shape.back();
  std::string named = f.leaf;
  if (const size_t at = named.find("weight"); at != std::string::npos) named.replace(at, 6, "bias");
  for (const auto& bias : {f.leaf + "_bias", named}) {
    const auto* shape = bias != f.leaf ? model.beside(f, bias) : nullptr;
    if (shape && !shape->empty() && rows != cols &&
        (shape->back() == rows || shape->back() == cols)) {
      return shape->back() == cols;
    }
  }
  return std::nullopt;
}

// From gate-up against down: 2I x H and H x I, or H x 2I and I x H.
std::optional<bool> in_out_by_pair(const Fact& f, const Model& model) {
  for (const Shape* up : besides(f, model, kGateUp)) {
    for (const Shape* down : besides(f, model, kDown)) {
      const int64_t u0 = (*up)[up->size() - 2], u1 = up->back();
      const int64_t d0 = (*down)[down->size() - 2], d1 = down->back();
      if (u0 == 2 * d1 && u1 == d0) return false;
      if (u1 == 2 * d0 && u0 == d1) return true;
    }
  }
  return std::nullopt;
}

// From the owner's word, the bias, gate-up against down, the owner's sizes; or unknown.
std::optional<bool> stacked_in_out(const Fact& f, const Model& model) {
  if (const auto said = flag(f.numbers, "is_transposed")) return said;
  if (const auto found = in_out_by_bias(f, model)) return found;
  if (const auto found = in_out_by_pair(f, model)) return found;
  const int64_t rows = f.shape[f.shape.size() - 2], cols = f.shape.back();
  if (rows == cols) return std::nullopt;
  const auto out = number(f.numbers, {"out_features", "output_size"});
  const auto in = number(f.numbers, {"in_features", "input_size"});
  if (out == rows && in == cols) return false;
  if (out == cols && in == rows) return true;
  const auto hidden = number(f.numbers, {"hidden_size", "hidden_dim"});
  if (hidden == rows || hidden == cols) return (hidden == rows) != kDown.match(key(f));
  return std::nullopt;
}

// (in, heads, size) of XLNet and Funnel; `o` leads back to the stream.
std::optional<Layout> heads_of_one_matrix(const Fact& f) {
  const auto heads = number(f.numbers, {"n_head", "num_heads"});
  const auto size = number(f.numbers, {"d_head"});
  if (f.shape.size() != 3 || f.shape[1] != heads || f.shape[2] != size) return std::nullopt;
  const bool out_first = f.leaf == "o";
  const std::string order = out_first ? "(out, heads size)" : "stored (in, heads size)";
  return Layout{{.transposed = !out_first}, "its heads together, " + order};
}

// (out, in, k) of a layer that says so, splines for example.
bool is_out_in_k(const Fact& f) {
  return f.shape.size() == 3 && f.shape[0] == number(f.numbers, {"out_features"}) &&
         f.shape[1] == number(f.numbers, {"in_features"});
}

// The halves of a stack's out, where it is certain which dimension that is.
void split_gate_and_up(const Fact& f, bool certain, Layout& layout) {
  const bool transposed = layout.view.transposed;
  const int64_t out = transposed ? f.shape.back() : f.shape[f.shape.size() - 2];
  const bool interleaved = !flag(f.numbers, "is_concatenated").value_or(true);
  if (!certain || out % 2 != 0 || interleaved) {
    layout.words +=
        interleaved ? "; gate and up, interleaved: taken whole" : "; gate and up: taken whole";
    return;
  }
  layout.view.split_sizes = {out / 2, out / 2};
  layout.view.split_dim = transposed;
  layout.words += "; fused gate and up";
}

// (E, out, in) or (E, in, out), the leading dimensions a batch.
Layout stack(const Fact& f, const Model& model) {
  if (const auto found = heads_of_one_matrix(f)) return *found;
  if (is_out_in_k(f)) return {{}, "flattened to (out, in k)"};
  const bool experts = lower(f.name + kind(f)).find("expert") != std::string::npos;
  const auto in_out = stacked_in_out(f, model);
  const bool transposed = in_out.value_or(false);
  std::string words = experts ? "stacked experts" : "stack";
  const bool guess = !in_out && f.shape.back() != f.shape[f.shape.size() - 2];
  words += guess ? " by shape, taken as (out, in)" : transposed ? " (in, out)" : " (out, in)";
  Layout layout{{.batch = true, .transposed = transposed}, words};
  if (kGateUp.match(key(f))) split_gate_and_up(f, /*certain=*/in_out.has_value(), layout);
  return layout;
}

}  // namespace

std::pair<int64_t, int64_t> matrix_size(const Shape& shape, const View& view) {
  if (view.batch && shape.size() > 2) return {shape[shape.size() - 2], shape.back()};
  return {shape[0],
          std::accumulate(shape.begin() + 1, shape.end(), int64_t{1}, std::multiplies<>())};
}

Layout find_layout(const Fact& f, const Model& model) {
  Layout layout;
  if (is_convolution(f)) {
    layout = convolution(f);
  } else if (is_a(f, "Bilinear")) {
    layout = {{}, "bilinear, flattened to (out, in1 in2)"};
  } else {
    layout = f.shape.size() > 2 ? stack(f, model) : matrix(f, model);
  }
  if (f.stacked) {
    layout.view.batch = true;
    layout.words = "stack of models" + (layout.words.empty() ? "" : "; " + layout.words);
  }
  const bool plain = layout.words.empty();
  if (!f.known && layout.words.find("by shape") == std::string::npos) {
    layout.words += plain ? "matrix by shape" : ", by shape";
  }
  return layout;
}

}  // namespace steepest::routing
