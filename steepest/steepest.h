// SPDX-License-Identifier: Apache-2.0
// The library's table of contents.
#pragma once

#include "steepest/base/workspace.h"         // the memory that threads keep
#include "steepest/norm.h"                   // the one question
#include "steepest/norms/norms.h"            // its answers: the catalog of norms
#include "steepest/optimizer.h"              // torch::optim::Optimizer over all of it
#include "steepest/optimizers/optimizers.h"  // the named rows
#include "steepest/polar/polar.h"            // polar factors
#include "steepest/recipe.h"                 // a row of choices
#include "steepest/route.h"                  // which parameter gets which norm, and why
#include "steepest/svd/svd.h"                // truncated singular value decompositions
