// SPDX-License-Identifier: Apache-2.0
#include "trainer/distributed/shares.h"

#include <algorithm>

#include "steepest/distributed/sharing.h"
#include "steepest/engine/parcels.h"
#include "trainer/units.h"

namespace steepest::trainer {
namespace {

constexpr size_t kListed = 16;  // processes that get a line each

// The bytes of what travels, of weights in float32.
double bytes_of(const Plan& plan, const engine::Parcel& parcel) {
  const Block& block = plan.blocks[parcel.block];
  const auto batch = static_cast<double>(block.batch);
  if (parcel.item.kind == engine::Item::Kind::numbers) return (1 + batch) * sizeof(double);
  if (parcel.is_of_entries()) return static_cast<double>(parcel.box.numel()) * sizeof(float);
  double count = batch;
  for (const int64_t size : engine::flat_slot(plan, parcel).slot.sizes(block.rows, block.cols))
    count *= static_cast<double>(size);
  return count * sizeof(float);
}

// A line about the share of a process.
std::string line_of(const std::vector<Share>& shares, size_t process) {
  const Share& share = shares[process];
  return "process " + std::to_string(process) + ": directions of " +
         std::to_string(share.matrices) + (share.matrices == 1 ? " matrix (" : " matrices (") +
         with_unit(share.entries, "entries") + "), sends " + with_unit(share.gradients, "B") +
         " of gradients and " + with_unit(share.directions, "B") + " of directions a step\n";
}

}  // namespace

Plan shared_plan(const Plan& plan, int64_t processes) {
  return processes == 1 ? plan : share_replicas(plan, 0, processes);
}

std::vector<Share> shares_of(const Plan& plan) {
  const Sharing& sharing = *plan.sharing;
  double numbers = 0;
  for (const auto& param : plan.params)
    numbers += static_cast<double>(whole_box(param.shape).numel());
  const auto count = static_cast<double>(sharing.processes());
  std::vector<Share> shares(static_cast<size_t>(sharing.processes()));
  for (auto& share : shares)
    share.gradients = 2 * (count - 1) / count * numbers * sizeof(float);  // a part there, sums back
  for (size_t i = 0; i < sharing.owners.size(); ++i) {
    const int64_t owner = sharing.owners[i];
    if (owner == kWhereItLies) continue;
    const Block& block = sharing.whole.blocks[i];
    Share& share = shares[static_cast<size_t>(owner)];
    share.matrices += block.batch;
    share.entries += static_cast<double>(block.batch * block.rows * block.cols);
    // Every process has the update of all blocks, so that nothing goes to the owner; and all get
    // the same of it.
    const int64_t another = owner == 0 ? sharing.processes() - 1 : 0;
    for (const auto& parcel : engine::Parcels(sharing, {i}).back(owner, another))
      share.directions += (count - 1) * bytes_of(sharing.whole, parcel);
  }
  return shares;
}

std::string shares_text(const Plan& plan) {
  const auto shares = shares_of(plan);
  std::string text =
      std::to_string(shares.size()) + " processes, each with all weights and all state\n";
  if (shares.size() > kListed) {
    const auto [idle, busy] = std::ranges::minmax_element(shares, {}, &Share::entries);
    return text + line_of(shares, static_cast<size_t>(busy - shares.begin())) +
           line_of(shares, static_cast<size_t>(idle - shares.begin()));
  }
  for (size_t r = 0; r < shares.size(); ++r) text += line_of(shares, r);
  return text;
}

}  // namespace steepest::trainer
