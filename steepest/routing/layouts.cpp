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

// Returns the text with its ASCII letters in lower case, whatever the locale.
std::string lower_case(std::string text) {
  for (char& c : text) c = 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// Returns the layout of a convolution's weight: flattened to (out, in k) for the k entries of its
// kernel; of a transposed convolution, which is stored (in, out k), marked as transposed.
Layout convolution_layout(const Fact& f) {
  const bool transposed =
      owner_type_contains(f, "ConvTranspose") || find_flag(f.numbers, "transposed").value_or(false);
  std::string words =
      transposed ? "transposed convolution, stored (in, out k)" : "convolution, flattened";
  if (find_number(f.numbers, {"groups"}).value_or(1) > 1) words += ", its groups together";
  return {{.transposed = transposed}, words};
}

// Returns the shapes of the parameters of f's module, f itself included, that have two dimensions
// or more and a name that `names` matches; they point into the model and f.
std::vector<const Shape*> shapes_beside(const Fact& f, const Model& model, const Names& names) {
  std::vector<const Shape*> shapes;
  for (const Fact* other : model.siblings(f)) {
    if (names.match(other->leaf) && other->shape.size() > 1) shapes.push_back(&other->shape);
  }
  if (names.match(f.leaf)) shapes.push_back(&f.shape);
  return shapes;
}

// Whether a stack of matrices [E, ..] is stored (in, out), told by which of the two sizes its bias
// [E, out] has; nothing where there is no such bias, or both sizes are the same.
std::optional<bool> in_out_by_bias(const Fact& f, const Model& model) {
  const int64_t rows = f.shape[f.shape.size() - 2], cols = f.shape.back();
  std::string named = f.leaf;
  if (const size_t at = named.find("weight"); at != std::string::npos) named.replace(at, 6, "bias");
  for (const auto& bias : {f.leaf + "_bias", named}) {
    const auto* shape = bias != f.leaf ? model.shape_beside(f, bias) : nullptr;
    if (shape && !shape->empty() && rows != cols &&
        (shape->back() == rows || shape->back() == cols)) {
      return shape->back() == cols;
    }
  }
  return std::nullopt;
}

// Whether a stack of experts is stored (in, out), told by the gate-up beside the down projection:
// they are 2I x H and H x I, or, stored (in, out), H x 2I and I x H; nothing where neither fits.
std::optional<bool> in_out_by_pair(const Fact& f, const Model& model) {
  for (const Shape* up : shapes_beside(f, model, kGateUp)) {
    for (const Shape* down : shapes_beside(f, model, kDown)) {
      const int64_t u0 = (*up)[up->size() - 2], u1 = up->back();
      const int64_t d0 = (*down)[down->size() - 2], d1 = down->back();
      if (u0 == 2 * d1 && u1 == d0) return false;
      if (u1 == 2 * d0 && u0 == d1) return true;
    }
  }
  return std::nullopt;
}

// Whether a stack of matrices is stored (in, out), told by its module's attribute is_transposed, by
// the bias, by gate-up against down, or by its module's sizes; nothing where none of them tells.
std::optional<bool> stack_is_in_out(const Fact& f, const Model& model) {
  if (const auto said = find_flag(f.numbers, "is_transposed")) return said;
  if (const auto found = in_out_by_bias(f, model)) return found;
  if (const auto found = in_out_by_pair(f, model)) return found;
  const int64_t rows = f.shape[f.shape.size() - 2], cols = f.shape.back();
  if (rows == cols) return std::nullopt;
  const auto out = find_number(f.numbers, {"out_features", "output_size"});
  const auto in = find_number(f.numbers, {"in_features", "input_size"});
  if (out == rows && in == cols) return false;
  if (out == cols && in == rows) return true;
  const auto hidden = find_number(f.numbers, {"hidden_size", "hidden_dim"});
  if (hidden == rows || hidden == cols) return (hidden == rows) != kDown.match(purpose_name(f));
  return std::nullopt;
}

// Returns the layout of an attention weight (in, heads, size), as XLNet and Funnel have them, taken
// as one matrix of all heads; their `o`, the output projection, is (out, heads, size). Nothing for
// any other parameter.
std::optional<Layout> head_layout(const Fact& f) {
  const auto heads = find_number(f.numbers, {"n_head", "num_heads"});
  const auto size = find_number(f.numbers, {"d_head"});
  if (f.shape.size() != 3 || f.shape[1] != heads || f.shape[2] != size) return std::nullopt;
  const bool out_first = f.leaf == "o";
  const std::string order = out_first ? "(out, heads size)" : "stored (in, heads size)";
  return Layout{{.transposed = !out_first}, "its heads together, " + order};
}

// Whether a parameter of three dimensions is (out, in, k) by the sizes of its layer, as the weights
// of spline layers are, with k coefficients for each pair of out and in.
bool is_out_in_k(const Fact& f) {
  return f.shape.size() == 3 && f.shape[0] == find_number(f.numbers, {"out_features"}) &&
         f.shape[1] == find_number(f.numbers, {"in_features"});
}

// Splits the fused gate and up projections of a stack of experts f into halves of out, and adds to
// the layout's words what was done. They are taken whole where it is not `certain` which dimension
// is out, where out is odd, or where the two take turns row by row.
void split_gate_and_up(const Fact& f, bool certain, Layout& layout) {
  const bool transposed = layout.view.transposed;
  const int64_t out = transposed ? f.shape.back() : f.shape[f.shape.size() - 2];
  const bool interleaved = !find_flag(f.numbers, "is_concatenated").value_or(true);
  if (!certain || out % 2 != 0 || interleaved) {
    layout.words +=
        interleaved ? "; gate and up, interleaved: taken whole" : "; gate and up: taken whole";
    return;
  }
  layout.view.split_sizes = {out / 2, out / 2};
  layout.view.split_dim = transposed;
  layout.words += "; fused gate and up";
}

// Returns the layout of a parameter of three dimensions or more that is no convolution: a batch of
// E matrices, (E, out, in) or (E, in, out), but one matrix where its layer's sizes tell (in, heads,
// size) or (out, in, k). Where nothing tells out from in, (E, out, in) is taken and the words say
// "by shape".
Layout stack_layout(const Fact& f, const Model& model) {
  if (const auto found = head_layout(f)) return *found;
  if (is_out_in_k(f)) return {{}, "flattened to (out, in k)"};
  const bool experts = lower_case(f.name + owner_type(f)).find("expert") != std::string::npos;
  const auto in_out = stack_is_in_out(f, model);
  const bool transposed = in_out.value_or(false);
  std::string words = experts ? "stacked experts" : "stack";
  const bool guess = !in_out && f.shape.back() != f.shape[f.shape.size() - 2];
  words += guess ? " by shape, taken as (out, in)" : transposed ? " (in, out)" : " (out, in)";
  Layout layout{{.batch = true, .transposed = transposed}, words};
  if (kGateUp.match(purpose_name(f))) split_gate_and_up(f, /*certain=*/in_out.has_value(), layout);
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
  if (is_convolution_weight(f)) {
    layout = convolution_layout(f);
  } else if (is_a(f, "Bilinear")) {
    layout = {{}, "bilinear, flattened to (out, in1 in2)"};
  } else {
    layout = f.shape.size() > 2 ? stack_layout(f, model) : matrix_layout(f, model);
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
