// SPDX-License-Identifier: Apache-2.0
// Empty on purpose: the target that owns the shared precompiled header needs one source.
