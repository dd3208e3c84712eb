// SPDX-License-Identifier: Apache-2.0
// The same models, built here and in tests/python/route_twins.py, against the same tables.
#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/rnn.h>

#include <fstream>
#include <map>
#include <sstream>

#include "steepest/route.h"

namespace steepest::test {
namespace {

using namespace torch::nn;

struct Block : Module {
  Block() {
    register_module("norm", LayerNorm(LayerNormOptions({8})));
    register_module("attention", MultiheadAttention(MultiheadAttentionOptions(8, 2)));
    register_module("qkv", Linear(8, 24));
    register_module("up", Linear(8, 16));
    register_module("down", Linear(16, 8));
  }
};

// Names that only one list knew before: score, to_logits, final_layer.
struct Words : Module {
  explicit Words(const std::string& head) {
    register_module("embedding", Embedding(20, 8));
    register_parameter("pos_embed", at::zeros({1, 5, 8}));
    register_module("layers", ModuleList(std::make_shared<Block>(), std::make_shared<Block>()));
    register_parameter("layer_scale", at::zeros({2, 8}));
    register_module(head, Linear(8, 12));
  }
};

struct Recurrent : Module {
  Recurrent() {
    register_module("embedding", Embedding(20, 8));
    register_module("lstm", LSTM(8, 6));
    register_module("cell", GRUCell(6, 6));
    register_module("plain", RNN(6, 6));
    register_module("decoder", Linear(6, 20));
  }
};

struct Image : Module {
  Image() {
    register_module("stem", Conv2d(Conv2dOptions(3, 8, 3)));
    register_module("deep", Conv2d(Conv2dOptions(8, 8, 3).groups(8)));
    register_module("grouped", Conv2d(Conv2dOptions(8, 8, 3).groups(2)));
    register_module("norm", GroupNorm(GroupNormOptions(2, 8)));
    register_module("up", ConvTranspose2d(ConvTranspose2dOptions(8, 6, 2)));
    register_module("gate", Linear(6, 1));
    register_module("fc", Linear(6, 5));
  }
};

std::map<std::string, std::shared_ptr<Module>> models() {
  const Sequential perceptron(Linear(6, 8), ReLU(), Linear(8, 8), ReLU(), Linear(8, 3));
  return {{"twin_score", std::make_shared<Words>("score")},
          {"twin_to_logits", std::make_shared<Words>("to_logits")},
          {"twin_final_layer", std::make_shared<Words>("final_layer")},
          {"twin_recurrent", std::make_shared<Recurrent>()},
          {"twin_image", std::make_shared<Image>()},
          {"twin_perceptron", perceptron.ptr()}};
}

// The lines without order, and without the layout of columns.
std::multiset<std::string> words_of(std::istream& table) {
  std::multiset<std::string> lines;
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string all;
    for (std::string word; words >> word;) all += word + " ";
    lines.insert(all);
  }
  return lines;
}

TEST(Route, is_the_same_in_python) {
  for (const auto& [name, model] : models()) {
    std::ifstream file("tests/python/routes/" + name + ".txt");
    ASSERT_TRUE(file) << name;
    std::stringstream table;
    table << route(*model);
    const auto expected = words_of(file), found = words_of(table);
    EXPECT_EQ(found, expected) << name << "\n" << table.str();
  }
}

}  // namespace
}  // namespace steepest::test
