// SPDX-License-Identifier: Apache-2.0
#include "steepest/routing/names.h"

#include <mutex>
#include <regex>
#include <unordered_map>

namespace steepest::routing {

struct Names::Pattern {
  std::regex regex;
  bool whole;
  mutable std::mutex mutex;
  mutable std::unordered_map<std::string, bool> seen;
};

namespace {
constexpr size_t kMaxSeen = 4096;
}

Names::Names(const char* pattern, bool whole)
    : pattern_(new Pattern{.regex = std::regex(pattern), .whole = whole, .mutex = {}, .seen = {}}) {
}

bool Names::match(const std::string& name) const {
  if (name.find_first_not_of("0123456789") == std::string::npos) return false;
  const std::lock_guard lock(pattern_->mutex);
  const auto known = pattern_->seen.find(name);
  if (known != pattern_->seen.end()) return known->second;
  const bool found = pattern_->whole ? std::regex_match(name, pattern_->regex)
                                     : std::regex_search(name, pattern_->regex);
  if (pattern_->seen.size() >= kMaxSeen) pattern_->seen.clear();
  return pattern_->seen[name] = found;
}

const Names kBias("(^|_)bias(es)?(_(k|v|u|ih|hh|hr)\\w*)?$");
// Of a stack of experts, whose weight is beside it: b1, b_Q, up_b.
const Names kStackBias("b\\d*|b_\\w+|\\w+_b\\d*", true);
const Names kGain(
    "(\\w+_)?(gamma|scale(r?s)?|scaler|gains?|temperature|tau|lambdas?)(_?\\d+)?|beta|g|alpha|"
    "ls\\d?|"
    "layer_?scale\\w*|res(id)?_\\w+|lora_magnitude\\w*",
    true);
// Tables, tokens and states held as bare parameters.
const Names kTable(
    "embed(ding)?s?(_table)?$|^embed|(^|_)pos(ition(al)?)?(_|$)|(^|_)rel(ative)?_pos|^pe$|"
    "(^|_)table$|(^|_)tokens?$|^(\\w+_)?(latents?|queries|prototypes?|codebooks?|codes?|centroids?|"
    "centers?|anchors?|slots?|prompts?|memory|memories|memory_(bank|slots?)|probe)$|"
    "^(prompt|slots?|inducing|init(ial)?)_|^ctx$|^[hc]_?0$|^mem$|"
    "(^|_)(inv_)?freqs?(_|$)|rotary|(^|_)rope");
const Names kStateSpace(
    "(log_)?A(_(log|re(al)?|im(ag)?))?|D|dt_bias|log_dt|log_step|nu_log|theta_log|Lambda_(re|im)|"
    "time_(decay|first|faaaa|mix\\w*|maa(_[xwkvrg])?)|r_k|bonus",
    true);
const Names kEmbedding(
    "emb(ed(ding)?s?)?(_(in|out|tokens?|positions?|table))?$|^w[tp]e$|^shared$|"
    "relative_attention_bias");
const Names kNorm("[Nn]orm(s|aliz\\w*)?\\d*(_\\w+)?$|^(ln|bn|gn)(\\d+|_\\w+)?$");

const Names kHead(
    "(?!(conv|box|mask|keypoint)_head)(\\w+_)?heads?(_\\w+)?\\d*|(\\w+_)?classifiers?\\d*|score|"
    "unembed(ding)?|embed_out|class_embed|output_(layer|projection)|qa_outputs|seq_relationship|"
    "cls_score|bbox_(pred|predictor|reg|embed|ctrness)|class_labels_classifier|"
    "\\w*[Ll]ogits(_proj)?|aux\\d*|to_?rgbs?|(last|final)_(conv|layer|linear|proj|fc)|"
    "conv_(out|last|final|post)|out_(conv|layer)|predictor|predict_\\w+|\\w+_pred|(feat|prob)_out|"
    "prototypes|last_layer|action_net",
    true);
const Names kNetwork(
    "((online|target|main)_)?(actor|critic|policy|pi|value|vf|qf|advantage)"
    "(_?(net|network|mean|mu|model|stream|fn|function))?_?\\d*(_target)?|"
    "[qv](_?(net|network))_?\\d*|[qv]_?\\d+|(target|local)_q?net(work)?|"
    "generator|discriminator|gen|disc|(net)?[GD](_\\w+)?",
    true);
const Names kMoment("(fc_?)?(mean|mu|log_?std|log_?sigma|log_?var|sigma)(_(linear|layer|fc))?",
                    true);
const Names kLast("fc|linear|lin|dense|out(put)?s?|final|last|decoder|proj_out|out_?c", true);

const Names kExit("(proj|fc|linear|lin)_out|out(put)?", true);

const Names kNoHead(
    "[Pp]re_?net|[Aa]tt(n|ention)|[Pp]ool|[Rr]outer|(^|_)gat(e|ing)|(text|visual)_projection|^se$");
const Names kBranch(
    "ada_?ln|adaLN|[Mm]odulation|(^|_)mod$|(^|_)emb|[Ee]mbed|(^|_)cond|scale_shift|^affine$");
const Names kFeatures("extractor|features?|trunk|backbone|body|torso|encoder");
const Names kAttentionInput("(q|k|v|query|key|value)(_proj)?|to_[qkv]|qkv|W_[QKV]|in_proj_weight",
                            true);
const Names kWrapper(
    "base_layer|module|_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module|_forward_module",
    true);
const Names kPatch("^(to_)?(patch(ify|_?embed)|patches$)|^embeds$");
const Names kRouterType("Router|Gate$");

const Names kQkv(
    "qkv|qkv_proj|[Ww]qkv|to_qkv|attn_qkv|qkv_linear|in_proj_qkv|c_attn|query_key_value|"
    "in_proj_weight",
    true);
const Names kKv("(to_)?kv", true);
const Names kGateUp("gate_up_proj|up_gate_proj|gate_up|w13|w12|Wi|weights_in", true);
const Names kDown("down_proj|down|w2|wo|output_linear|fc2", true);
const Names kInterleaved(
    "bloom|neox|falcon|persimmon|codegen|lightningattention|deberta|tiny_?vit|levit|"
    "efficientformer|internlm|maxxvit");

}  // namespace steepest::routing
