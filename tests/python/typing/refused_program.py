# SPDX-License-Identifier: Apache-2.0
"""What a type checker has to refuse: mypy --strict says where one of the ignores is not needed."""

from __future__ import annotations

import torch
from torch import nn

import steepest

model = nn.Linear(4, 4)
loss = torch.tensor(0.5)
steepest.MuonMax(model, betas=(0.9, 0.95))  # type: ignore[call-arg]
steepest.MuonMax(model, momentum="0.9")  # type: ignore[arg-type]
steepest.AdamW(model, momentum=0.9)  # type: ignore[call-arg]
steepest.Muon(model, ns_steps="5")  # type: ignore[arg-type]
steepest.Neon(model, rank="4")  # type: ignore[arg-type]
steepest.SteepestDescent(model, weigth_decay=0.1)  # type: ignore[call-arg]
optimizer = steepest.Scion(model)
optimizer.step(loss)  # type: ignore[call-overload]
optimizer.step(loss="0.5")  # type: ignore[call-overload]
optimizer.observe("0.5")  # type: ignore[type-var]
optimizer.zero_grad(set_to_none=None)  # type: ignore[arg-type]
steepest.save("state.safetensors", optimizer)  # type: ignore[arg-type]
