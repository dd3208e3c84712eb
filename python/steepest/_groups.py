# SPDX-License-Identifier: Apache-2.0
"""The parameter groups of an optimizer, from what the caller gives to the plan of a step."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest import _options, _params, _state, _table
from steepest._entries import forget_old_shapes
from steepest._foreign import foreign_role, translate_foreign_keys
from steepest._loss import Observations
from steepest._numbers import clean, clean_group
from steepest._options import Group
from steepest._plan import Plan, make_plan, signature
from steepest._tensors import check_each, check_memory, warn_of_no_matrix, warn_of_shapes
from steepest._watch import Watch


class Groups(Optimizer):
    """Construction, add_param_group and the plan; see Face for the step."""

    _recipe: ClassVar[str] = ""  # of the catalog
    _own: ClassVar[tuple[str, ...]] = ()  # group keys under torch's names, see _canonical

    _building = False

    # -- construction ------------------------------------------------------------------------------

    def _build(self, params: Any, options: Group, process_group: Any = None) -> None:
        options = clean(options)
        self._process_group = process_group
        self._watch = Watch(type(self).__name__, params)
        self._reset()
        _options.check_lr(options["lr"])
        ratio = _options.ratio(options["lr"], options.pop("backup_lr"))
        _options.check_supported(type(self).__name__, options)
        _options.check_momo(options)
        for key in _table.of_type("dtype"):
            options[key] = _options.dtype_name(options.get(key))
        defaults = {**_options.PLAIN, **options, "backup_lr_ratio": ratio}
        self._building = True
        super().__init__(_params.as_params(params), defaults)
        self._building = False
        self._watch.frozen &= {id(p) for group in self.param_groups for p in group["params"]}
        self._plan()
        warn_of_shapes(p for group in self.param_groups for p in _bare(group))

    def _build_recipe(
        self, params: Any, lr: float | Tensor, options: Group, arguments: str = ""
    ) -> None:
        """The catalog row of the class, with what the caller has chosen otherwise."""
        process_group = options.pop("process_group", None)
        group = _options.with_row(self._recipe + arguments, self._own, lr, options)
        self._build(params, group, process_group)

    def _reset(self) -> None:
        self._cache: tuple[Any, Plan] | None = None
        self._observations = Observations()
        self._stats: Tensor | None = None

    def add_param_group(self, param_group: Group) -> None:
        """Adds a group; what does not fit raises ValueError and leaves all as it was.

        The caller's dictionary is left alone, and ``params`` may be any iterable. After a module,
        bare tensors of it are routed as the module says. Parameters that were frozen when the
        optimizer was made, and are in it untrained, go over to the new group.
        """
        if not isinstance(param_group, dict):
            super().add_param_group(param_group)  # torch refuses it
            return
        group = self._complete(dict(param_group))
        if self._building:
            super().add_param_group(group)
            return
        count, released = len(self.param_groups), self._let_go(group)
        try:
            super().add_param_group(group)
            self._plan()
        except Exception:
            for old, lists in released:
                old.update(lists)
            del self.param_groups[count:]
            raise
        warn_of_shapes(_bare(group))

    def _complete(self, group: Group) -> Group:
        """What follows from the keys that the caller has given."""
        number = len(self.param_groups)
        for key in ("recipe", "momo", "momo_step"):  # of an optimizer whose groups are given
            group.pop(key, None)
        _params.take_params(group)
        role = group.get("role") or foreign_role(group)
        group["role"] = role
        translate_foreign_keys(group, self.defaults, self._own, type(self).__name__)
        group = _options.serve_both(clean_group(group, number, self.defaults), self._own)
        module = self._watch.module()
        if module is not None and any("param_names" in old for old in self.param_groups):
            _params.name_from_module(group, module, number)
        if role is None and group.get("roles") is None:
            _params.route_by_name(group)
        self._complete_rates(group)
        _options.check_momo({**self.defaults, **group})
        if "backup_lr" in group:
            raise ValueError("group: backup_lr: received a value, allowed lr, of the group's role")
        return group

    def _complete_rates(self, group: Group) -> None:
        if "weight_decay" in group:
            group.setdefault("backup_weight_decay", None)  # the group's own, of all in it
        if group["role"] == "backup":
            if "lr" not in group:
                group.setdefault("lr_ratio", self.defaults["backup_lr_ratio"])
            own = self.defaults.get("backup_weight_decay")
            if own is not None:
                group.setdefault("weight_decay", own)

    def _let_go(self, group: Group) -> list[tuple[Group, Group]]:
        """Takes what was frozen at first, and is still untrained, out of the older groups.

        Returns each changed group with the lists that it had.
        """
        params = group["params"] if isinstance(group.get("params"), list) else []
        tensors = [tensor for _, tensor in _params.named_of(params)]
        free = {id(p) for p in tensors if id(p) in self._watch.frozen and not self.state.get(p)}
        released = []
        for old in self.param_groups if free else ():
            if any(id(p) in free for p in old["params"]):
                released.append((old, {k: old[k] for k in _params.OF_PARAMS if k in old}))
                old.update(_params.without(old, free))
        return released

    def _canonical(self, group: Group) -> Group:
        """The group in the vocabulary of SteepestDescent, for classes that keep torch's names."""
        return group

    def _read_old(self, saved: Group) -> Group:
        """A group that 0.1 has saved, with the values that mean the same here."""
        return saved

    # -- the plan ----------------------------------------------------------------------------------

    def _plan(self) -> Plan:
        key = signature(self.param_groups)
        if self._cache is None or self._cache[0] != key:
            groups = [
                self._canonical(clean_group(group, number, self.defaults))
                for number, group in enumerate(self.param_groups)
            ]
            plan = make_plan(self._name(), groups)
            params = [p for group in groups for p in group["params"]]
            named = list(zip(plan.names, params))
            check_each(named)
            check_memory(named)
            plan.check_rates(groups)
            forget_old_shapes(plan, self.state, params)
            self._cache = (key, plan)
            if self._momo():
                self._share_model()
            self._say_if_no_matrix(plan, groups, params)
        return self._cache[1]

    def _say_if_no_matrix(self, plan: Plan, groups: list[Group], params: list[Tensor]) -> None:
        """Unless the caller says so by roles, or names and modules say so of whole shapes."""
        if self._watch.no_matrix_said or any(role == "matrix" for _, role in plan.sides):
            return
        module = self._watch.module() is not None
        by_caller = not module and all(g["role"] is not None for g in groups if g["params"])
        routed = not any(_bare(group) for group in groups) and any(p.dim() > 1 for p in params)
        if not by_caller and not routed:
            self._watch.no_matrix_said = True
            first = groups[0]
            warn_of_no_matrix(type(self).__name__, first["norm"], first["backup"], params)

    def _name(self) -> str:
        return self.param_groups[0]["recipe"]

    def _momo(self) -> bool:
        return bool(self.param_groups) and self.param_groups[0]["step_size"] == "momo"

    def _share_model(self) -> None:
        """Momo's running model: one pair of tensors, seen by all groups."""
        first = self.param_groups[0]
        if first["momo"] is None:
            params = [p for group in self.param_groups for p in group["params"] if not p.is_meta]
            device = params[0].device if params else torch.device("cpu")
            with torch.inference_mode(False):
                first["momo_step"] = torch.zeros((), dtype=_state.scalar_dtype(), device="cpu")
                first["momo"] = torch.zeros(3, dtype=torch.float64, device=device)
        for group in self.param_groups[1:]:
            group["momo_step"], group["momo"] = first["momo_step"], first["momo"]


def _bare(group: Group) -> list[Tensor]:
    """The tensors of a group of which nothing but the shape is known."""
    known = group["role"] is not None or group["roles"] is not None
    return [] if known else group["params"]
