# SPDX-License-Identifier: Apache-2.0
"""An optimizer's state_dict, out and in."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest import _loading, _merging, _state, _stored
from steepest._eager import eager
from steepest._options import Group
from steepest._plan import Plan, make_plan
from steepest._shared import Processes
from steepest._snapshot import Loans


class Stateful(Optimizer):
    """state_dict and the ways to load one; Face has the rest."""

    _loans: Loans | None = None
    _processes: Processes

    if TYPE_CHECKING:
        # Groups defines these, but _params, which Face defines.
        def _plan(self) -> Plan: ...  # the plan of the groups as they are now
        def _params(self) -> Iterator[Tensor]: ...  # all parameters, in the plan's order
        def _name(self) -> str: ...  # the recipe's name
        def _momo(self) -> bool: ...  # whether step sizes are Momo's
        def _canonical(self, group: Group) -> Group: ...  # the group under SteepestDescent's keys
        def _read_old(self, saved: Group) -> Group: ...  # a group of 0.1 in this version's values
        def _share_model(self) -> None: ...  # gives all groups one model of Momo's
        def _reset(self) -> None: ...  # forgets the plan, observed losses, the last step's numbers

    @eager
    def state_dict(self) -> dict[str, Any]:
        """As torch's, but a snapshot: later steps do not change it.

        Nothing is copied but Momo's model; a state_dict that is still held at the next step keeps
        its tensors, and the optimizer goes on in copies.
        """
        self._complete_states()
        self._loans = self._loans or Loans()
        held = self.state
        try:
            self.state = self._placed_state()
            shown = super().state_dict()
        finally:
            self.state = held
        lent: dict[str, Any] = self._loans.lend(shown, self.state)
        return lent

    def _placed_state(self) -> Any:
        """The state without that of tensors that are in no group: torch could not number them."""
        placed = set(self._params())
        if all(key in placed for key in self.state if isinstance(key, Tensor)):
            return self.state
        kept = {k: v for k, v in self.state.items() if k in placed or not isinstance(k, Tensor)}
        return defaultdict(dict, kept)

    def _copy_held_state(self) -> None:
        """Before a step: gives the optimizer copies of tensors that a state_dict still shows."""
        if self._loans is not None:
            self._loans.copy_held(self.state)

    def _complete_states(self) -> None:
        """Adds the state tensors that the next step would make, so that they are saved.

        Some are missing where a momentum has just become positive. Nothing is added where the
        groups do not fit, after a change by hand: the next step raises for that.
        """
        with contextlib.suppress(
            ValueError
        ):  # of a group that was changed by hand: the step says it
            plan = self._plan()
            for index, p in enumerate(self._params()):
                entry = self.state.get(p)
                if isinstance(entry, dict) and entry.keys() & _stored.KNOWN:
                    _state.complete(entry, plan, index, p)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Loads a state_dict of this class, or of torch's class of the same name.

        Everything is compared before anything changes. What says what the state means must be the
        same: recipe, norm and backup, outer, update, step_size, duals, momo_model, backup_blocks,
        momentum_form, start and bias_correction, momentum_place, error_feedback,
        decoupled_weight_decay, and every parameter's role, layout and shape. Rates and solvers are
        taken from the file, as torch does: lr and the ratios, weight_decay, momentum, nesterov,
        dampening, betas, eps, radius, f_star, polar_*, svd_*, nonfinite, maximize and schedulers'
        keys. What the file lacks stays as it is here.

        Where both sides have names, state goes by name, whatever the order; ``module.``,
        ``_orig_mod.``, ``_fsdp_wrapped_module.`` and ``_checkpoint_wrapped_module.`` do not count.
        State keeps the dtype in which it was saved (torch's own loader casts it to the
        parameter's) and is copied.

        Raises:
            ValueError: the first thing that differs or is not a state's: received, allowed. Nothing
                has changed then.
            TypeError: no dict.
        """
        self._load("load_state_dict", state_dict)

    def load_torch_state(self, *state_dicts: dict[str, Any]) -> None:
        """Merges the state_dicts of several torch optimizers (Muon and AdamW) into this one.

        The first belongs to the matrices, the second to the rest, each in the order of the
        parameters here; by name where all have names. One alone belongs to all. Rates and options
        stay as they are here, moments are taken as they are, and Momo's model begins anew. Raises
        ValueError, and nothing changed, where names, counts, shapes or the kinds of state differ.
        """
        self._load("load_torch_state", *state_dicts)

    @eager
    def _load(self, what: str, *state_dicts: Any) -> None:
        """The body of load_state_dict and load_torch_state: ``what`` is the name of either.

        All is read and compared before anything changes. Raises TypeError or ValueError, in one
        line that begins with ``what``. torch's hooks run where that is load_state_dict.
        """
        # Tensors that are made in inference mode could not be stepped outside of it.
        with torch.inference_mode(False), torch.no_grad():
            hooked = what == "load_state_dict"
            if hooked:
                state_dicts = (self._before_load(state_dicts[0]),)
            try:
                read = _loading.load if hooked else _merging.merge
                loaded = read(self, *state_dicts) if hooked else read(self, state_dicts)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{what}: {str(error).splitlines()[0]}") from error
            self.__setstate__(loaded)
            self._reset()
            self._loans = None
            if self._momo():
                self._share_model()
            if hooked:
                for hook in self._optimizer_load_state_dict_post_hooks.values():
                    hook(self)

    def _before_load(self, state_dict: Any) -> Any:
        """The state_dict after torch's pre-hooks of load_state_dict, which see a copy of it."""
        if not isinstance(state_dict, Mapping):
            return state_dict
        state_dict = dict(state_dict)
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            result = hook(self, state_dict)
            state_dict = state_dict if result is None else result
        return state_dict

    def _planned(self, groups: list[Group]) -> Plan:
        """The plan of groups that are to be this optimizer's; ValueError where they do not fit."""
        canonical = [self._canonical(group) for group in groups]
        try:
            plan = make_plan(self._name(), canonical, self._processes)
        except RuntimeError as error:
            raise ValueError(str(error).splitlines()[0]) from error
        plan.check_rates(canonical)
        return plan

    def _device(self) -> torch.device | None:
        """The device of the first parameter and of Momo's model; None without parameters."""
        first = next(self._params(), None)
        return None if first is None else first.device
