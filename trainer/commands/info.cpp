// SPDX-License-Identifier: Apache-2.0
// steepest info: versions and machine; the data of a run file with its baselines; the polar tables.
#include <ATen/Parallel.h>
#include <torch/version.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "steepest/base/dtype.h"
#include "steepest/kernels/cuda/table.h"
#include "steepest/kernels/kernels.h"
#include "steepest/polar/error_table.h"
#include "steepest/polar/solvers.h"
#include "trainer/commands/commands.h"
#include "trainer/config/config.h"
#include "trainer/data/baselines.h"
#include "trainer/data/make_dataset.h"
#include "trainer/run/output.h"
#include "trainer/version.h"

namespace steepest::trainer {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::optional<std::string> data;
  std::vector<std::string> set;
  bool polar_errors = false;
};

// Returns, as JSON, what the data of the run file --data are, their counts, and, for text, the
// losses of simple predictors in nats a byte. Throws ConfigError where the file is not named or is
// wrong.
Json data_info(const Options& o) {
  if (o.data->empty()) throw ConfigError("--data: received nothing, allowed a run file");
  const auto spec = load_config(*o.data, o.set);
  const auto data = make_dataset(spec.data);
  Json out{{"data", data->describe()}};
  for (const auto& [what, count] : data->counts()) out[what] = count;
  if (spec.data.kind != "text") return out;
  const auto b = baselines(*data);
  out["baselines_nats_per_byte"] = {
      {"unigram", b.unigram}, {"bigram", b.bigram}, {"trigram", b.trigram}, {"zlib", b.zlib}};
  return out;
}

// Returns what an environment variable says, as JSON; null where it is unset.
Json environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? Json() : Json(value);
}

// Returns, as JSON, the processor's table of products: one object for each row, the preferred
// first.
Json products_info() {
  Json rows = Json::array();
  for (const auto& row : kernel_table()) {
    rows.push_back({{"kernel", row.name},
                    {"operands", dtype_name(row.operands)},
                    {"sums", row.sums},
                    {"from_rows", row.from_rows},
                    {"error", row.error}});
  }
  return rows;
}

// Returns, as JSON, the versions of the library and of torch, its commit, and what may be used of
// this machine: kernels with their table, from which ratio of the sides on polar factors take the
// Gram form, threads, the state of the kernels for CUDA, and the limits of STEEPEST_CPU and
// ONEDNN_MAX_CPU_ISA, null where unset.
Json machine_info() {
  return {{"steepest", kVersion},
          {"commit", kCommit},
          {"torch", TORCH_VERSION},
          {"kernels", kernels_text()},
          {"products", products_info()},
          {"gram_form_from_aspect", polar::kGramAspect},
          {"threads", at::get_num_threads()},
          {"cpu_limit", environment("STEEPEST_CPU")},
          {"cuda", cuda::kernels_text()},
          {"cpu_isa_limit", environment("ONEDNN_MAX_CPU_ISA")}};
}

}  // namespace

// Adds `steepest info`, which prints versions, a run file's data or the polar factor's errors;
// its callback sets `exit_code`.
void add_info(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("info", "Versions; a run file's data; the polar factor's errors");
  command
      ->add_option("--data", o->data,
                   "A run file: what its data are, and simple predictors' losses")
      ->type_name("CONFIG");
  command->add_option("--set", o->set, "Override a key of it")->expected(1)->take_all();
  command->add_flag("--polar-errors", o->polar_errors,
                    "max |1 - sigma| after 1 to 8 steps of every coefficient schedule");
  command->callback([o, &exit_code] {
    if (o->polar_errors) {
      print_out(polar::error_table());
    } else {
      const Json info = o->data ? data_info(*o) : machine_info();
      print_out(info.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
    }
    exit_code = 0;
  });
}

}  // namespace steepest::trainer
