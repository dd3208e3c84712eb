// SPDX-License-Identifier: Apache-2.0
#include "steepest/routing/fused.h"

#include <algorithm>

#include "steepest/routing/names.h"

namespace steepest::routing {
namespace {

using Sizes = std::vector<int64_t>;

// Which dimension of a matrix as stored is out, and which in.
struct StorageOrder {
  bool in_out = false;  // stored (in, out), not (out, in)
  std::string words;    // for the routing table: why; "" for an ordinary matrix
};

// The matrices that are fused into one weight.
struct Parts {
  Sizes sizes;        // along out; none where they are not certain
  std::string words;  // for the routing table: what is fused, or why it is taken whole
};

// Whether the module that owns the parameter is an RNN, a GRU or an LSTM, or a cell of one.
bool is_recurrent(const Fact& f) {
  return is_a(f, "RNNBase") || is_a(f, "RNNCellBase") || owner_type_contains(f, "LSTM") ||
         owner_type_contains(f, "GRU") || owner_type(f) == "RNN" || owner_type(f) == "RNNCell";
}

// Returns how many gates are fused into a hidden-to-hidden weight [rows, width] of a recurrent
// layer: an LSTM's 4, a GRU's 3, or 0 where the shape is neither's.
int64_t gates_by_shape(int64_t rows, int64_t width) {
  return rows == 4 * width ? 4 : rows == 3 * width ? 3 : 0;
}

// Returns the layout of weight_ih or weight_hh of a recurrent layer: an LSTM's 4 or a GRU's 3
// gates, told by the owner's type, as equal parts of the rows; the default layout for a plain RNN,
// or where the rows cannot be divided so. Where the type is unknown, the shape of weight_hh, (4 H,
// H) or (3 H, H), tells the gates. Returns nothing for any other parameter, and where neither
// tells.
std::optional<Layout> recurrent_layout(const Fact& f, const Model& model) {
  const bool input = f.leaf.starts_with("weight_ih"), hidden = f.leaf.starts_with("weight_hh");
  if (!input && !hidden) return std::nullopt;
  int64_t gates = owner_type_contains(f, "LSTM") ? 4 : owner_type_contains(f, "GRU") ? 3 : 0;
  std::string words = " fused gates";
  if (gates == 0 && !is_recurrent(f)) {
    const auto* square = hidden ? &f.shape : model.shape_beside(f, "weight_hh" + f.leaf.substr(9));
    if (!square || square->size() < 2) return std::nullopt;
    gates = gates_by_shape((*square)[square->size() - 2], square->back());
    words += " by shape";
  }
  if (gates == 0 || f.shape[0] % gates != 0) return Layout{};
  return Layout{{.num_heads = gates}, std::to_string(gates) + words};
}

// Whether some weight named c_attn has the shape (in, 3 in), as q, k and v fused in GPT-2 have: it
// tells that the model's other weights named as in GPT-2 are stored (in, out) too.
bool has_fused_c_attn(const Model& model) {
  const auto& all = model.places();
  return std::any_of(all.begin(), all.end(), [](const Fact& f) {
    return purpose_name(f) == "c_attn" && f.shape.size() == 2 && f.shape[1] == 3 * f.shape[0];
  });
}

// Returns whether a factor of a LoRA adapter is stored (in, out), with the words for the routing
// table. The smaller size is taken for the rank: as torch's layers store them, lora_B or lora_up is
// (out, rank), lora_A or lora_down (rank, in).
StorageOrder lora_storage_order(const Fact& f) {
  const int64_t rows = f.shape[0], cols = f.shape[1];
  if (is_linear_weight(f) || rows == cols) return {false, "LoRA pair"};
  const auto steps = "." + f.name + ".";
  const bool up =
      steps.find(".lora_B.") != std::string::npos || steps.find(".lora_up.") != std::string::npos;
  const bool transposed = (rows < cols) == up;
  return {transposed, transposed ? "LoRA pair, stored (in, out)" : "LoRA pair"};
}

// Whether the weight has the name of one of GPT-2's Conv1D layers, which are stored (in, out).
bool is_named_as_in_gpt2(const Fact& f) {
  const auto name = purpose_name(f);
  return name == "c_attn" || name == "c_fc" || name == "c_proj" || name == "q_attn";
}

// Returns whether a weight of two dimensions is stored (in, out) and not (out, in), as torch's
// linear layers have it, and the words that say why in the routing table, "" where it is ordinary.
StorageOrder storage_order(const Fact& f, const Model& model) {
  if (owner_type(f) == "Conv1D") return {true, "Conv1D, stored (in, out)"};
  if (is_lora(f)) return lora_storage_order(f);
  if (!f.known && is_named_as_in_gpt2(f) && has_fused_c_attn(model)) {
    return {true, "Conv1D by c_attn's shape, stored (in, out)"};
  }
  const bool in_router = std::find(f.path.begin(), f.path.end(), "router") != f.path.end();
  if (kRouterType.match(owner_type(f)) || in_router) return {false, "router"};
  if (!f.known || is_linear_weight(f) || is_a(f, "MultiheadAttention") || is_recurrent(f))
    return {};
  return {false, "matrix of " + owner_type(f) + " by shape, taken as (out, in)"};
}

// Returns the sizes of q, k and v along the output dimension of a fused weight, `out` in all, for
// `heads` query heads and `groups` key and value heads (fewer, in grouped-query attention) of size
// `dim` each; empty where these do not add up to `out`.
Sizes qkv_sizes_by_heads(int64_t heads, int64_t groups, int64_t dim, int64_t out) {
  if ((heads + 2 * groups) * dim != out) return {};
  return {heads * dim, groups * dim, groups * dim};
}

// Returns the sizes of q, k and v along the output dimension of a fused weight of `out` outputs and
// `in` inputs, by the `attributes` of the attention or its configuration, or a third each where out
// = 3 in; empty where this is not certain.
Sizes qkv_sizes(const Numbers& attributes, int64_t out, int64_t in) {
  const auto heads =
      find_number(attributes, {"num_heads", "num_attention_heads", "n_head", "n_heads"});
  auto groups = find_number(attributes, {"num_key_value_heads", "num_kv_heads", "kv_heads",
                                         "n_kv_heads", "n_local_heads"});
  if (!groups) groups = heads;
  const auto dim = find_number(attributes, {"head_dim", "head_size", "attention_head_size"});
  if (heads && dim) {
    if (auto sizes = qkv_sizes_by_heads(*heads, *groups, *dim, out); !sizes.empty()) return sizes;
  }
  const auto key = find_number(attributes, {"key_dim"}),
             value = find_number(attributes, {"value_dim"});
  if (key && value && 2 * *key + *value == out) return {*key, *key, *value};
  const auto width = find_number(attributes, {"attn_dim", "dim_out", "all_head_size"});
  const bool equal = out == 3 * in || (width && out == 3 * *width);
  if (equal && groups == heads) return {out / 3, out / 3, out / 3};
  return {};
}

// Whether a fused weight has the outputs of q, k and v by turns (q, k, v of head 0, then of head 1,
// ..), so that it cannot be cut into the three. Told by the weight's name, or by the attention's
// full type `type`, in lower case, or by its attributes: one with multi_query = false has them so.
bool is_interleaved(const Fact& f, const std::string& type, const Numbers& attention) {
  if (purpose_name(f) == "query_key_value" && type.find("glm") == std::string::npos) return true;
  return kInterleaved.match(type) || find_flag(attention, "multi_query") == false;
}

// Whether the gate and up projections of a gated MLP are fused into the weight, told by its name.
bool is_gate_and_up(const Fact& f) {
  return kGateUp.match(purpose_name(f)) ||
         (purpose_name(f) == "fc1" && f.parent.ends_with("glumlp"));
}

// Whether keys and values, without queries, are fused into the weight (out, in): told by its
// layer's name, which GPT-2's cross attention has as c_attn. `attention` has the attributes of the
// attention module around the layer.
bool is_key_and_value(const Fact& f, const Numbers& attention, int64_t out, int64_t in) {
  const bool cross =
      purpose_name(f) == "c_attn" && find_flag(attention, "is_cross_attention").value_or(false);
  return cross || (kKv.match(purpose_name(f)) && out == 2 * in);
}

// Returns how a fused q, k, v weight (out, in) splits along out, for an attention of the full type
// `type`, in lower case, with the attributes `attention`. The sizes are empty where it has to be
// taken as one matrix: the heads are interleaved, or the sizes are not known; the words say which.
Parts qkv_parts(const Fact& f, const std::string& type, const Numbers& attention, int64_t out,
                int64_t in) {
  if (is_interleaved(f, type, attention)) {
    return {{}, "fused q, k, v, interleaved by head: taken whole"};
  }
  const auto sizes = qkv_sizes(attention, out, in);
  return {sizes, sizes.empty() ? "fused q, k, v of unknown sizes: taken whole" : "fused q, k, v"};
}

// Returns how the weight f, (out, in) once any (in, out) storage is undone, splits along out into
// the matrices fused in it: gate and up; k and v; q, k and v. Without sizes but with words it is
// fused and taken whole, for that reason; without either it is not known to be fused.
Parts fused_parts(const Fact& f, int64_t out, int64_t in) {
  const bool own = f.leaf == "in_proj_weight";  // of the attention itself, not of a layer in it
  const Numbers& around = own ? f.numbers : f.parent_numbers;
  const Sizes halves = {out / 2, out / 2};
  if (is_gate_and_up(f)) {
    const bool certain = find_flag(around, "is_concatenated").value_or(true) && out % 2 == 0;
    if (!certain) return {{}, "fused gate and up, interleaved: taken whole"};
    return {halves, "fused gate and up"};
  }
  if (is_key_and_value(f, around, out, in)) {
    return out % 2 == 0 ? Parts{halves, "fused k, v"} : Parts{};
  }
  if (!kQkv.match(purpose_name(f)) || (own && out != 3 * in)) return {};
  return qkv_parts(f, own ? owner_type(f) : f.parent, around, out, in);
}

}  // namespace

Layout matrix_layout(const Fact& f, const Model& model) {
  const auto experts = find_number(f.numbers, {"moe_num_experts"});
  const auto inner = find_number(f.numbers, {"ffn_hidden_size"});
  if (experts && inner &&
      *inner * *experts == f.shape[0]) {  // DBRX: (E I, H), the way down as well
    const bool down = kDown.match(purpose_name(f));
    return {{.transposed = down, .num_heads = *experts},
            down ? "stacked experts (in, out)" : "stacked experts (out, in)"};
  }
  if (const auto found = recurrent_layout(f, model)) return *found;
  const auto [transposed, words] = storage_order(f, model);
  auto parts = fused_parts(f, f.shape[transposed], f.shape[!transposed]);
  const bool both = !words.empty() && !parts.words.empty();
  Layout layout{{.transposed = transposed}, words + (both ? "; " : "") + parts.words};
  layout.view.split_dim = !parts.sizes.empty() && transposed;
  layout.view.split_sizes = std::move(parts.sizes);
  return layout;
}

}  // namespace steepest::routing
