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
// Returns plain_name() of each of the names, in their order.
std::vector<std::string> plain_names(const std::vector<std::string>& names);

// Maps each of a model's `own` parameter names to the one of the `saved` names of a checkpoint
// under which its state lies: itself, where every saved name is one of `own`; else the one with the
// same plain name, where that fits every saved name to one of `own`; else itself again, for the
// caller to refuse what is left.
std::unordered_map<std::string, std::string> match_names(const std::vector<std::string>& own,
                                                         const std::vector<std::string>& saved);

// Returns the message of an error where the `received` names of parameters (a checkpoint's) are
// not, up to wrappers, the `allowed` ones (this optimizer's), or "" where none differs. It shows a
// name given twice, or else the first name that only one of the two lists has, of each list, and
// the common prefix where nothing else differs.
std::string name_difference(const std::vector<std::string>& received,
                            const std::vector<std::string>& allowed);

}  // namespace steepest
