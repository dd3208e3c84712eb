// SPDX-License-Identifier: Apache-2.0
// The run files. What a comment calls "not as published" is what the trainer has in another form.
#include "trainer/config/presets.h"

namespace steepest::trainer {
namespace {

constexpr char kTrack3[] = R"([run]
steps = 3250
dtype = "bfloat16"
eval_every = 125
eval_batches = 20        # 10,485,760 tokens; the target is a loss of 3.28

[model]
vocab = 50304
context = 1024
layers = 12
heads = 6
width = 768
biases = true
rotary_base = 1024
rotary_fraction = 0.5
attention_scale = 0.12
logit_cap = 15
init = "zero_proj"

[data]                   # FineWeb, as token shards of GPT-2's vocabulary
kind = "tokens"
path = "fineweb10B/fineweb_train_*.bin"
validation_path = "fineweb10B/fineweb_val_*.bin"
order = "sequential"

[batch]                  # 524,288 tokens
rows = 512
accumulate = 64

[optimizer]
recipe = "muon"
lr = 0.025
weight_decay = 0.05
polar = "baseline"
polar_steps = 12
backup_lr = 0.015
backup_momentum = 0.8
backup_beta2 = 0.95
backup_eps = 1e-10
backup_weight_decay = 0.001

[[group]]
match = "token_embedding.*"
lr = 0.7

[[group]]
match = "head.*"
lr = 0.004

[schedule]
kind = "constant_linear"
constant_fraction = 0.3
)";

constexpr char kResnet20[] = R"([run]
steps = 19550            # 50 epochs
eval_every = 391
eval_batches = 0

[model]
kind = "resnet"
depth = 20

[data]
kind = "cifar10"
path = "cifar-10-batches-bin"
flip = true
translate = 4            # edges reflected, not as published: there they are black

[batch]
rows = 128

[optimizer]              # the rates are to be tuned: the published ones are pictures of a grid
recipe = "muon-adam"
nesterov = true
)";

// Not as published: bfloat16 for float16, and where a step is SGD's there, it has unit root mean
// square here, as the optimizer has one form of update for all: those rates are to be tuned.
constexpr char kAirbench94[] = R"([run]
steps = 200              # 8 epochs
dtype = "bfloat16"
eval_batches = 0

[model]
kind = "airbench"
label_smoothing = 0.2
views = 6

[data]
kind = "cifar10"
path = "cifar-10-batches-bin"
flip = true
alternating = true
translate = 2

[batch]
rows = 2000

[optimizer]
recipe = "muon-jordan"
lr = 0.24
momentum = 0.6
polar = "jordan"
polar_steps = 3
radius = "none"
geometry = "hyperball"   # filters keep the norm sqrt(out), which they begin with
backup = "l2"
backup_radius = "scion"
backup_lr = 0.01
backup_momentum = 0.85
backup_nesterov = true

[[group]]
match = "whiten.bias"
steps = 75               # 3 epochs

[[group]]
match = "head.weight"
lr = 0.05

[[group]]
match = "groups.*.conv*.weight"
role = "matrix"

[schedule]
kind = "constant_linear"
constant_fraction = 0
)";

constexpr char kNanogptChar[] = R"([run]
steps = 5000
eval_every = 250
eval_batches = 200

[model]
vocab = 256              # bytes, not as published: there the text's own characters
context = 256
layers = 6
heads = 6
width = 384
positions = "learned"
normalization = "layer"
activation = "gelu"      # by tanh, not as published
qk_norm = false
tied = true
fused_qkv = true
dropout = 0.2

[data]
kind = "text"
path = "tinyshakespeare.txt"
validation_fraction = 0.1
order = "random"

[batch]
rows = 64

[optimizer]
recipe = "adamw"
lr = 1e-3
momentum = 0.9
beta2 = 0.99
weight_decay = 0.1
clip = 1

[[group]]
match = "*norm.weight"
weight_decay = 0

[schedule]
kind = "cosine"
warmup = 100
floor = 0.1
)";

// The two sizes of one experiment differ in model, data and bound on the loss alone.
constexpr char kNed[] = R"(
[batch]                  # 524,288 tokens
rows = 512
accumulate = 64

[[group]]                # q, k and v as one matrix, as published
match = "*.qkv.weight"

[schedule]
kind = "constant_linear"
floor = 0.1
)";

constexpr char kNedSmall[] = R"([run]
steps = 1907             # a billion tokens
dtype = "bfloat16"
eval_every = 100
eval_batches = 16        # 2^23 tokens

[model]
preset = "gpt2"

[data]                   # FineWeb, as token shards of GPT-2's vocabulary
kind = "tokens"
path = "fineweb1B/fineweb_train_*.bin"
validation_path = "fineweb1B/fineweb_val_*.bin"
order = "sequential"

[optimizer]
recipe = "muonmax-momo"
lr = 0.01
backup_lr = 0.01
f_star = 3.2
clip = 1
)";

constexpr char kNedLarge[] = R"([run]
steps = 1907             # a billion tokens
dtype = "bfloat16"
eval_every = 100
eval_batches = 16        # 2^23 tokens

[model]
preset = "gpt2-large"

[data]                   # SlimPajama, as token shards of GPT-2's vocabulary
kind = "tokens"
path = "slimpajama1B/train_*.bin"
validation_path = "slimpajama1B/val_*.bin"
order = "sequential"

[optimizer]              # rates of the smaller model; neither they nor f_star were published
recipe = "muonmax-momo"
lr = 0.01
backup_lr = 0.01
clip = 1
)";

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = {
      {"track3", "modded-nanogpt's Track 3: a GPT of 162 million parameters on FineWeb, Muon",
       kTrack3},
      {"resnet20", "ResNet-20 on CIFAR-10, 50 epochs, Muon (Crawshaw et al. 2025)", kResnet20},
      {"airbench94", "airbench94 on CIFAR-10, 8 epochs, Muon (Jordan 2024)", kAirbench94},
      {"nanogpt-char", "nanoGPT's small GPT on Shakespeare, AdamW", kNanogptChar},
      {"ned-small",
       "GPT-2 small on a billion tokens of FineWeb, MuonMax-Momo (Crawshaw et al. 2025)",
       std::string(kNedSmall) + kNed},
      {"ned-large",
       "GPT-2 large on a billion tokens of SlimPajama, MuonMax-Momo (Crawshaw et al. 2025)",
       std::string(kNedLarge) + kNed}};
  return all;
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const auto& preset : presets()) names.push_back(preset.name);
  return names;
}

const Preset* find_preset(const std::string& name) {
  for (const auto& preset : presets())
    if (preset.name == name) return &preset;
  return nullptr;
}

}  // namespace steepest::trainer
