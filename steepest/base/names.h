// SPDX-License-Identifier: Apache-2.0
// Names of parameters with and without what wrappers put into them.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

namespace steepest {

// "_orig_mod.module.fc.weight" -> "fc.weight": without the parts "module" (DataParallel, DDP,
// AveragedModel), "_orig_mod" (torch.compile), "_fsdp_wrapped_module" and
// "_checkpoint_wrapped_module", wherever they stand.
std::string plain_name(const std::string& name);
// plain_name() of each of the names, in their order.
std::vector<std::string> plain_names(const std::vector<std::string>& names);

// Maps each of a model's `own` parameter names to the one of the `saved` names of a checkpoint
// under which its state lies: itself, where every saved name is one of `own`; else the one with the
// same plain name, where that fits every saved name to one of `own`; else itself again, for the
// caller to refuse what is left.
std::unordered_map<std::string, std::string> match_names(const std::vector<std::string>& own,
                                                         const std::vector<std::string>& saved);

// The message of an error where the `received` names of parameters (of a checkpoint) are not, up to
// wrappers, the `allowed` ones (of this optimizer): it tells a name that stands twice, or the first
// that either side lacks, and the prefix where they differ by no more than that. Empty where no
// name is lacking.
std::string name_difference(const std::vector<std::string>& received,
                            const std::vector<std::string>& allowed);

}  // namespace steepest
