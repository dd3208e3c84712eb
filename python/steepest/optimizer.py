# SPDX-License-Identifier: Apache-2.0
"""Steepest descent with every choice spelt out."""

from __future__ import annotations

import inspect
import re
from typing import Any

from torch import Tensor
from typing_extensions import Unpack

from steepest import _arguments, _table
from steepest._face import Face
from steepest._options import Group
from steepest._shared import taken_processes
from steepest._table import OPTIONS
from steepest._typing import Options


class SteepestDescent(Face):
    r"""Steepest descent in a norm of the whole network.

    Each matrix has a norm, every other parameter a backup norm, and an outer norm joins the blocks:

    .. math::
        m_l = \mathrm{momentum}(g_l), \quad
        s_l, d_l = \max_{\|s\| \le 1} \langle m_l, s\rangle, \quad
        (c, D) = \mathrm{outer}(R_l d_l), \quad
        W_l \leftarrow W_l - q\,(c_l / D)\,R_l s_l \ \text{ or }\ W_l - q\,c_l R_l s_l

    for the constrained or the regularized update, with :math:`R_l = \eta_l r_l` or
    :math:`\sqrt{\eta_l}\,r_l`. See "Non-Euclidean Gradient Descent" (arXiv 2510.09827), section 3.
    The named optimizers are rows of these choices: :func:`steepest.make`.

    Args:
        params: tensors, ``(name, tensor)`` pairs, groups with any option below overridden, the
            result of :func:`steepest.route`, or a module, which is routed, frozen parameters too.
            Any iterable will do, also in groups. Bare tensors follow torch: two dimensions have
            the norm, all others the backup norm.
        lr: learning rate of the matrices; a float or a tensor of one element. Schedulers write it.
            ``"auto"``: Momo finds it, and the rest's; a group's lr is then a factor of it, 1.
        norm: of the matrices: ``"spectral"``, ``"nuclear"``, ``"ky_fan(k=8)"``, ``"f_star"``,
            ``"frobenius"``, ``"inf"``, ``"row"``, ``"column"``, ``"schatten(p=4)"``, an adaptive
            norm, or a mixture ``"0.5*spectral+0.5*inf"``.
        backup: norm of the rest: ``"ada_inf"`` (Adam), ``"ada_2"``, ``"inf"`` (sign), ``"l2"``.
        backup_lr: learning rate of the rest, the ``lr`` of its groups; default: the row's own, or
            ``lr`` in rows that have one rate. A group that holds both has ``lr`` for the matrices
            and ``backup_lr_ratio``, by which the rest's follows.
        outer: ``"max"``, ``"l2"`` or ``"hybrid"`` (l2 of the matrices' max and every other block).
        update: ``"constrained"`` (a step of length lr) or ``"regularized"`` (times the dual norm).
        step_size: ``"fixed"`` or ``"momo"`` (arXiv 2305.07583), which needs the loss: see
            :meth:`observe`.
        f_star: Momo's lower bound on the loss, or ``"auto"``, a level of it: see ``f_star_rule``.
            Steps are 0 where the loss is below it: a loss that may be negative needs its own.
        duals: ``"fresh"``, or ``"stale"``: the matrices' duals of the step before.
        directions: of fresh duals: ``"stored"``, or ``"recomputed"`` for memory.
        momo_model: ``"inner_products"`` or ``"recursive"``: two forms of the same numbers.
        backup_blocks: ``"per_tensor"``, or ``"flattened"`` into one vector.
        radius, backup_radius: of a block's ball: ``"none"``, torch's adjust_lr_fn (``"original"``,
            ``"match_rms_adamw"``, ``"spectral_unclamped"``), ``"scion"``, a number, ``"50*scion"``.
        momentum, nesterov, dampening: of the gradients.
        momentum_form: ``"ema"`` (lerp) or ``"heavy_ball"``.
        start: of the momentum: ``"first"`` gradient, ``"zero"``, ``"corrected"`` (zero, with bias
            correction).
        momentum_place: ``"before"`` the norm, or ``"after"`` it (Orthogonal-SGDM).
        error_feedback: with norms of low rank, ``"nuclear"``, ``"ky_fan"``, ``"k_support"``,
            ``"f_star"``, ``"dion"`` and ``"dion2"``, momentum forgets only what steps have used,
            ``m -= (1 - momentum) P m`` (Dion, arXiv 2504.05295).
        backup_betas: momentum and second moment of the backup; default: ``(momentum, 0.95)`` with
            the matrices' momentum form.
        backup_eps: ``sqrt(v) + eps``.
        bias_correction: of the backup's moments (Adam).
        weight_decay, backup_weight_decay: the second defaults to the first.
        decoupled_weight_decay: ``W *= 1 - lr wd``; False: ``g += wd W``.
        polar, polar_steps, polar_dtype, polar_tol: see :func:`steepest.polar`; by default 5 steps
            of Polar Express, 6 where the dual norm is used as a number.
        svd, svd_tol, svd_passes: see :func:`steepest.svd`.
        decay: of a decoupled one: ``"plain"`` of all entries, ``"cautious"`` of those that the step
            does not make larger, ``"independent"`` of lr, ``"anchored"`` to the first weights.
        momentum_dtype: default: the parameter's; float32 at least under Momo.
        nonfinite: ``"propagate"``, as torch, or ``"skip"``: a step with a NaN or Inf gradient, or
            one that would make a weight or a state NaN or Inf, changes nothing.
        maximize: ascend.
        capturable: steps that a CUDA graph may record. ``lr`` and ``weight_decay`` that are tensors
            of the device are read there; docs/performance.md says which rows can.
        foreach: False: matrices one by one instead of batches of one shape.
        process_group: of replicas, as under DDP: its processes share the work of a step, and their
            losses are averaged. DTensors (FSDP2, tensor parallelism) know their own.
        wire: dtype in which processes send momenta and directions: ``torch.bfloat16`` halves the
            bytes. Default: the momentum's, with which a step has the bits of one process.

    Raises:
        ValueError: an option out of range: what, received, allowed. Nothing has changed then. Also
            a parameter without memory of its own (meta, lazy, expanded, shared with another).
        TypeError: a parameter that is sparse, a DTensor with another placement than Shard and
            Replicate, or not of float64, float32, float16 or bfloat16; text or a flag where a
            number is meant.
        RuntimeError: ``fused`` or ``differentiable``.

    Example:
        >>> model = torch.nn.Linear(8, 4)
        >>> optimizer = steepest.SteepestDescent(model, lr=0.02, norm="spectral")
        >>> model(torch.randn(2, 8)).square().mean().backward()
        >>> optimizer.step()
    """

    # Builds the optimizer from a norm and the other choices, which the class's docstring lists.
    # TypeError for an unknown option, TypeError or ValueError for a value that does not fit.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 1e-3, **options: Unpack[Options]
    ) -> None:
        given: Group = dict(options)
        processes = taken_processes(given)
        self._build(params, _arguments.spelt_out(lr, given), processes)


def _complete_documentation(cls: type[SteepestDescent]) -> None:
    """Sets the signature that help() and editors see, and adds missing options to the docstring.

    Both come from the engine's table, so that an option that is new there is told of here.
    """
    keyword, text = inspect.Parameter.KEYWORD_ONLY, cls.__doc__ or ""
    keywords = [
        inspect.Parameter(name, keyword, default=default, annotation=_table.annotation(name))
        for name, default in _table.signature().items()
    ]
    plain = list(inspect.signature(cls.__init__).parameters.values())[:3]
    cls.__init__.__signature__ = inspect.Signature([*plain, *keywords])  # type: ignore[attr-defined]
    section = text.split("Args:")[1].split("Raises:")[0]
    heads = re.findall(r"^        (\w+(?:, \w+)*):", section, re.MULTILINE)
    mentioned = {name for head in heads for name in head.split(", ")}
    lines = [f"        {o.name}: {o.help}.\n" for o in OPTIONS.values() if o.name not in mentioned]
    cls.__doc__ = text.replace("        maximize:", "".join(lines) + "        maximize:")


_complete_documentation(SteepestDescent)
