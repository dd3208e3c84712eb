# SPDX-License-Identifier: Apache-2.0
"""The parameter groups of an optimizer, from what the caller gives to the plan of a step."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest import _arguments, _options, _params, _shared, _state, _table
from steepest._captured import Captured
from steepest._entries import forget_old_shapes
from steepest._foreign import foreign_role, translate_foreign_keys
from steepest._loss import Observations
from steepest._numbers import clean_group, clean_options, read_rate
from steepest._options import Group
from steepest._plan import Plan, Rates, make_plan, signature
from steepest._rates import backup_lr_ratio, sole_role
from steepest._shared import ALONE, Processes, taken_processes
from steepest._tensors import check_each, check_memory, warn_of_no_matrix, warn_of_shapes
from steepest._watch import Watch


class Groups(Optimizer):
    """Construction, add_param_group and the plan; see Face for the step."""

    _recipe: ClassVar[str] = ""  # of the catalog
    _own: ClassVar[tuple[str, ...]] = ()  # group keys under torch's names, see _canonical

    _building = False

    # -- construction ------------------------------------------------------------------------------

    def _build(self, params: Any, options: Group, processes: Processes = ALONE) -> None:
        """What every constructor ends in: checks the options, makes the groups and the plan.

        Args:
            params: what the user gave: tensors, pairs, groups, Routes or a module.
            options: a value for every option of the class, ``lr`` and ``backup_lr`` among them.
            processes: those that train with this one.
        """
        options = clean_options(options)
        self._processes = processes
        self._watch = Watch(type(self).__name__, params)
        self._reset()
        _arguments.check_lr(options["lr"])
        _options.check_number("backup_lr", options["backup_lr"], 0)
        _arguments.check_supported(type(self).__name__, options)
        _options.check_momo(options)
        for key in _table.of_type("dtype"):
            options[key] = _options.dtype_name(options.get(key))
        defaults = {**_options.PLAIN, **options}
        self._building = True
        super().__init__(_params.as_params(params), defaults)
        self._building = False
        self._watch.frozen &= {id(p) for group in self.param_groups for p in group["params"]}
        plan = self._plan()
        self._watch.note_first_rates(plan.sides, self._rates(plan).lr)
        warn_of_shapes(p for group in self.param_groups for p in _bare(group))

    def _build_recipe(
        self, params: Any, lr: float | str | Tensor | None, options: Group, row_arguments: str = ""
    ) -> None:
        """Builds the optimizer from the class's catalog row, overridden by the caller's options.

        ``row_arguments`` are appended to the row's name: "(k=4)" makes "neon" "neon(k=4)". An
        ``lr`` of None is the row's.
        """
        processes = taken_processes(options)
        group = _arguments.with_row(self._recipe + row_arguments, self._own, lr, options)
        self._build(params, group, processes)

    def _reset(self) -> None:
        """Forgets the plan, the observed losses and the last step's numbers; state stays."""
        self._cache: tuple[Any, Plan] | None = None
        self._observations = Observations()
        self._stats: Tensor | None = None
        self._captured: Captured | None = None

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
            self._add_complete(group)
            return
        count, released = len(self.param_groups), self._release_frozen(group)
        try:
            self._add_complete(group)
            self._plan()
        except Exception:
            for old, lists_before in released:
                old.update(lists_before)
            del self.param_groups[count:]
            raise
        warn_of_shapes(_bare(group))

    def _add_complete(self, group: Group) -> None:
        """Adds a group that :meth:`_complete` has made, by torch's add_param_group."""
        super().add_param_group(group)
        # torch gives it a value for each of the defaults; its own lr says this one.
        del self.param_groups[-1]["backup_lr"]

    def _complete(self, group: Group) -> Group:
        """A new group, which the caller gave, as it goes to torch's add_param_group.

        Values are read, other libraries' keys are translated, and roles, layouts and rates that
        the caller left open are filled in, in place; options that are still missing torch takes
        from the defaults. Raises ValueError or TypeError for what does not fit.
        """
        number = len(self.param_groups)
        for key in ("recipe", "momo", "momo_step"):  # of an optimizer whose groups are given
            group.pop(key, None)
        _params.take_params(group)
        role = group.get("role") or foreign_role(group)
        group["role"] = role
        translate_foreign_keys(group, self.defaults, self._own, type(self).__name__)
        group = _arguments.share_eps(clean_group(group, number, self.defaults), self._own)
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
        """Sets what follows for a new group's lr and weight decay from its roles and its own keys.

        In place. A group without matrices gets the constructor's backup_lr as its lr, and
        backup_weight_decay as its weight_decay, unless it says these itself; they then hold for all
        of its parameters. One of both roles that says lr says the matrices': the others keep
        backup_lr, but in rows of one rate. Raises ValueError for a backup_lr_ratio where the group
        has one role, and where no ratio gives the other rate.
        """
        if "weight_decay" in group:
            group.setdefault("backup_weight_decay", None)  # the group's own, of all in it
        if (role := sole_role(group)) is not None and group.get("backup_lr_ratio") is not None:
            raise ValueError(
                f"group: backup_lr_ratio: received {group['backup_lr_ratio']:g} where all "
                f"parameters have the role {role}, allowed lr, which is their rate"
            )
        if role == "backup":
            group.setdefault("lr", self.defaults["backup_lr"])
            backup_decay = self.defaults.get("backup_weight_decay")
            if backup_decay is not None:
                group.setdefault("weight_decay", backup_decay)
        elif role is None and "lr" in group and group.get("backup_lr_ratio") is None:
            own, rest = self.defaults["lr"], self.defaults["backup_lr"]
            same = read_rate("lr", own) == read_rate("backup_lr", rest)
            group["backup_lr_ratio"] = 1.0 if same else backup_lr_ratio(group["lr"], rest)

    def _release_frozen(self, group: Group) -> list[tuple[Group, Group]]:
        """Takes the parameters of a new ``group`` out of the older groups, where that is allowed.

        It is for those that were frozen when the optimizer was made and have no state yet; torch
        refuses any other parameter that is given twice. Returns each changed group with the lists
        (params, param_names, roles, layouts) that it had, by which the change can be undone.
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
        """Returns a group under SteepestDescent's keys, of which the engine's options are made.

        Here it is the group itself; classes whose groups keep torch's keys return a translation.
        """
        return group

    def _read_old(self, saved: Group) -> Group:
        """Returns a group that version 0.1 has saved, with values that mean the same in this one.

        Here it is the same; a class whose keys have changed their meaning since overrides this.
        """
        return saved

    # -- the plan ----------------------------------------------------------------------------------

    def _plan(self) -> Plan:
        """The plan of the groups as they are now; it is made again only where they have changed.

        A missing backup_lr_ratio is then set, and state of old shapes deleted. Raises ValueError or
        TypeError, and keeps the old plan, where groups or parameters do not fit, or processes that
        share them have not the same ones.
        """
        key = signature(self.param_groups)
        if self._cache is None or self._cache[0] != key:
            plan, groups = self._new_plan()
            params = [p for group in groups for p in group["params"]]
            named = list(zip(plan.names, params))
            check_each(named)
            check_memory(named)
            self._complete_ratios(plan, groups)
            plan.check_rates(groups)
            _shared.check_alike(plan.fingerprint, params, self._processes)
            forget_old_shapes(plan, self.state, params)
            self._cache = (key, plan)
            if self._momo():
                self._share_model()
            self._warn_if_no_matrix(plan, groups, params)
        return self._cache[1]

    def _complete_ratios(self, plan: Plan, canonical: list[Group]) -> None:
        """Sets backup_lr_ratio where a group has matrices and other parameters and no ratio yet.

        It is the constructor's backup_lr over its lr. Set in place, in the optimizer's groups and
        in ``canonical``, the same groups under SteepestDescent's keys.
        """
        for number in plan.mixed:
            if canonical[number]["backup_lr_ratio"] is None:
                ratio = backup_lr_ratio(self.defaults["lr"], self.defaults["backup_lr"])
                for group in (self.param_groups[number], canonical[number]):
                    group["backup_lr_ratio"] = ratio

    def _rates(self, plan: Plan) -> Rates:
        """Returns this step's lr, weight decay and momentum, which schedulers may have changed.

        They are three lists with a number for each entry of ``plan.sides``: the engine treats the
        matrices of a parameter group and its other parameters as two groups.
        """
        return plan.rates([self._canonical(group) for group in self.param_groups])

    def _new_plan(self) -> tuple[Plan, list[Group]]:
        """A new plan of the groups as they are now, and the groups under SteepestDescent's keys.

        self is not changed; raises ValueError or TypeError where groups or parameters do not fit.
        """
        groups = [
            self._canonical(clean_group(group, number, self.defaults))
            for number, group in enumerate(self.param_groups)
        ]
        return make_plan(self._name(), groups, self._processes), groups

    def _warn_if_no_matrix(self, plan: Plan, groups: list[Group], params: list[Tensor]) -> None:
        """Warns once of an optimizer of matrices that has none: shapes may have been lost.

        Not where the caller has given every group a role, nor where names or a module told the
        roles of parameters that still have more than one dimension.
        """
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
        """The recipe's name, with which the engine's messages begin."""
        return str(self.param_groups[0]["recipe"])

    def _momo(self) -> bool:
        """Whether step sizes are Momo's, which need a loss and keep a model of it in the groups."""
        return bool(self.param_groups) and self.param_groups[0]["step_size"] == "momo"

    def _share_model(self) -> None:
        """Gives all groups the first one's tensors of Momo's model, made here where it has none.

        These are "momo_step", the 0-dim count of its steps on the CPU, and "momo", float64 of
        loss average, weight, f_star and the numbers of auto: the same two objects in every group.
        """
        first = self.param_groups[0]
        if first["momo"] is None:
            params = [p for group in self.param_groups for p in group["params"] if not p.is_meta]
            device = params[0].device if params else torch.device("cpu")
            with torch.inference_mode(False):
                first["momo_step"] = torch.zeros((), dtype=_state.scalar_dtype(), device="cpu")
                first["momo"] = torch.zeros(
                    _state.model_size(first), dtype=torch.float64, device=device
                )
        first["momo"] = _state.fitted_model(first["momo"], first)  # f_star may be "auto" by now
        for group in self.param_groups[1:]:
            group["momo_step"], group["momo"] = first["momo_step"], first["momo"]


def _bare(group: Group) -> list[Tensor]:
    """A group's parameters, or [] where more than their shape says whether they are matrices."""
    has_roles = group["role"] is not None or group["roles"] is not None
    return [] if has_roles else group["params"]
