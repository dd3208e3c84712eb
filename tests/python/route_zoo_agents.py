# SPDX-License-Identifier: Apache-2.0
"""Agents of reinforcement learning, for test_route_zoo.py."""

from __future__ import annotations

from route_parts import Case, conv, linear, mlp, of, seq
from torch import nn


def agents() -> dict[str, Case]:
    cleanrl = of(
        "Agent", critic=mlp(8, 16, 16, 3), actor_mean=mlp(8, 16, 16, 2), actor_logstd=(1, 2)
    )
    atari = of(
        "Agent",
        network=seq(conv(4, 8, 8), nn.ReLU(), conv(8, 8, 4), nn.Flatten(), linear(32, 16)),
        actor=linear(16, 4),
        critic=linear(16, 2),
    )
    sac = of(
        "Actor",
        fc1=linear(8, 16),
        fc2=linear(16, 16),
        fc_mean=linear(16, 2),
        fc_logstd=linear(16, 2),
    )
    twin = of("Critic", q1=mlp(8, 16, 16, 2), q2=mlp(8, 16, 16, 2))
    sb3 = of(
        "Policy",
        mlp_extractor=of("Extractor", policy_net=mlp(8, 16, 16), value_net=mlp(8, 16, 16)),
        action_net=linear(16, 4),
        value_net=linear(16, 2),
    )
    dueling = of(
        "Dqn",
        conv=conv(4, 8, 3),
        feature=linear(8, 16),
        value_stream=mlp(16, 16, 2),
        advantage_stream=mlp(16, 16, 4),
    )
    heads = of("Net", trunk=mlp(8, 16, 16), policy_head=linear(16, 4), value_head=linear(16, 2))
    return {
        "ppo": Case(cleanrl, "critic.4.* actor_mean.4.*"),
        "atari": Case(atari, "network.0.* actor.* critic.*"),
        "sac": Case(sac, "fc_mean.* fc_logstd.*"),
        "twin critics": Case(twin, "q?.4.*"),
        "sb3": Case(sb3, "action_net.* value_net.*"),
        "dueling": Case(dueling, "conv.* *_stream.2.*"),
        "heads": Case(heads, "policy_head.* value_head.*"),
    }


GROUPS = (agents,)
