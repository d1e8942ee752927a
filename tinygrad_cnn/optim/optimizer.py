"""What all optimizers share: groups of parameters with options, and their state."""

from __future__ import annotations

import difflib
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from math import isfinite
from numbers import Real
from typing import Any, ClassVar

from tinygrad_cnn.nn.parameter import clear_gradients
from tinygrad_cnn.optim.hooks import Hook, StepHooks
from tinygrad_cnn.optim.options import number_of
from tinygrad_cnn.optim.state import ADDED_LATER, NUMBERS, check_form, check_names, fitting
from tinygrad_cnn.tape.backward import ACCUMULATED
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tape.grad_mode import enable_grad
from tinygrad_cnn.tape.hooks import RemovableHandle
from tinygrad_cnn.tape.watch import warn_user
from tinygrad_cnn.tape.writes import LATEST, writes
from tinygrad_cnn.tensor import Tensor

Group = dict[str, Any]


class Optimizer:
    """The base of optimizers: subclasses define `_update`, which changes the parameters of one group, or `step`.

    ``params`` is an iterable of tensors, of pairs (name, tensor), or of dicts that have such under "params" and any
    options beside it, which hold for that group instead of the defaults. Groups keep other keys too, for your own
    use. ``param_groups`` may be changed between steps.
    """

    _state_names: ClassVar[Mapping[str, bool] | None] = None
    """What the state of a parameter consists of, and whether it always does; None: anything."""
    has_stepped = False  # read by schedules, whose steps must come after the optimizer's
    _used: tuple[weakref.ref[Tensor], int] | None = (
        None  # a gradient that the last step used, and the time of the step
    )

    _hooks: StepHooks | None = None

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        if isinstance(params, (Tensor, Mapping)) or not isinstance(params, Iterable):
            example = "[params]" if isinstance(params, (Tensor, Mapping)) else "model.parameters()"
            raise TypeError(
                f"{type(self).__name__}: params is a {type(params).__name__}; wanted an iterable of tensors or of "
                f"dicts, such as {example}"
            )
        given: list[Any] = list(params)
        if not any(isinstance(item, Mapping) for item in given):
            given = [{"params": given}]
        for group in given:
            self.add_param_group(group)
        if not any(group["params"] for group in self.param_groups):
            raise ValueError(
                f"{type(self).__name__}: there are no parameters to optimize: has the model none, or is "
                "model.parameters() used up, as an iterator is by one loop? Then call it again"
            )

    def _update(self, group: Group) -> None:
        """Change the parameters of one group: subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__}: _update() is not defined")

    def _check(self, group: Group) -> None:
        """Raise for options out of range: subclasses define it."""

    def _want_finite(self, group: Group, least: float, *options: str) -> None:
        for option in options:
            value = number_of(group[option])
            if not (isinstance(value, Real) and isfinite(value) and float(value) >= least):
                given = f"{type(self).__name__}: {option} is {group[option]!r}"
                raise ValueError(f"{given}; wanted a finite number of at least {least}")

    @effect
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient; a closure is called first, and its result returned."""
        loss = None if closure is None else self._called(closure)
        if self._used is not None and (gradient := self._used[0]()) is not None:
            self._warn_if_not_cleared(gradient, self._used[1])
        used = [p for group in self.param_groups for p in group["params"] if p._grad is not None]
        try:
            for group in self.param_groups:
                self._update(group)
        finally:
            writes.note((p.array for p in used), f"{type(self).__name__}.step")
        self.has_stepped = True
        self._used = (weakref.ref(used[0]._grad), writes.times[LATEST]) if used else None
        return loss

    def _called(self, closure: Callable[[], Any]) -> Any:
        if not callable(closure):
            raise TypeError(f"{type(self).__name__}.step: closure is {closure!r:.60}; wanted a function")
        with enable_grad():
            return closure()

    def __getstate__(self) -> dict[str, Any]:
        kept = {key: value for key, value in vars(self).items() if key not in ("step", "_hooks")}
        return {**kept, "_used": None}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            options = sorted(group.keys() - {"params"})
            lines += [f"Parameter Group {i}", *(f"    {option}: {group[option]}" for option in options)]
        return "\n".join([*lines, ")"])

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return other (args, kwargs)."""
        return self._register("before", hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return self._register("after", hook)

    def _register(self, when: str, hook: Hook) -> RemovableHandle:
        if not callable(hook):
            raise TypeError(f"{type(self).__name__}: the hook is {hook!r:.60}; wanted a function")
        if self._hooks is None:
            self._hooks = StepHooks()
        self._hooks.attach(self)
        return RemovableHandle(getattr(self._hooks, when), hook)

    def _warn_if_not_cleared(self, gradient: Tensor, stepped: int) -> None:
        """Warn if only backward has written to a gradient, before the last step and after it."""
        first, last = writes.lasting(gradient.array, ACCUMULATED)
        if first <= stepped < last:
            warn_user(
                f"{type(self).__name__}: backward() still adds to the gradient that the last step() used; "
                "was zero_grad() forgotten before it?"
            )

    @effect
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or set them to 0 in place."""
        for group in self.param_groups:
            clear_gradients(group["params"], set_to_none)

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with options of their own: ``{"params": tensors, "lr": 0.01}``."""
        name = type(self).__name__
        if not isinstance(param_group, Mapping) or "params" not in param_group:
            raise TypeError(f'{name}: wanted a parameter group {{"params": tensors, ...}}, got {param_group!r:.60}')
        for option in param_group.keys() - self.defaults.keys() - {"params"}:
            if meant := difflib.get_close_matches(str(option), self.defaults, n=1, cutoff=0.85):
                warn_user(f"{name}: {option!r} is kept in the group and has no effect; did you mean {meant[0]!r}?")
        options = dict(param_group)
        params = options.pop("params")
        if isinstance(params, (set, str)) or not isinstance(params, Iterable):
            raise TypeError(f"{name}: params is a {type(params).__name__}; wanted tensors in a fixed order")
        params = [params] if isinstance(params, Tensor) else list(params)
        if params and all(isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str) for p in params):
            options["param_names"], params = [name for name, _ in params], [p for _, p in params]
        if self.param_groups and ("param_names" in options) != ("param_names" in self.param_groups[0]):
            raise ValueError(f"{name}: some groups of parameters have names; wanted names in all groups or in none")
        known = {id(p) for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"{name}: can only optimize tensors, got {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError(
                    f"{name}: cannot optimize the result of {p.grad_fn}; wanted a leaf tensor, as its .detach()"
                )
            if id(p) in known:
                raise ValueError(f"{name}: a parameter of shape {p.shape} is given twice")
            known.add(id(p))
        group = {"params": params, **self.defaults, **options}
        self._check(group)
        self.param_groups.append(group)

    def _parameters_in_order(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def state_dict(self) -> dict[str, Any]:
        """Return the state by the number of each parameter, and the groups with numbers in place of parameters."""
        number = {p: i for i, p in enumerate(self._parameters_in_order())}
        groups = [{**group, "params": [number[p] for p in group["params"]]} for group in self.param_groups]
        return {"state": {number[p]: dict(state) for p, state in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over copies of a state and of the groups' options. On error nothing has changed.

        Raises ValueError if the state is of another kind of optimizer, or of other groups or shapes.
        """
        name = f"{type(self).__name__}.load_state_dict"
        check_form(name, state_dict)
        sizes = [len(group["params"]) for group in state_dict["param_groups"]]
        wanted = [len(group["params"]) for group in self.param_groups]
        if sizes != wanted:
            raise ValueError(f"{name}: got groups of {sizes} parameters; wanted {wanted}")
        groups = []
        for own, given in zip(self.param_groups, state_dict["param_groups"], strict=True):
            self._check_kind(name, given)
            groups.append({**self.defaults, **deepcopy(dict(given)), "params": own["params"]})
            self._check(groups[-1])
        numbers = [n for group in state_dict["param_groups"] for n in group["params"]]
        by_number = dict(zip(numbers, self._parameters_in_order(), strict=True))
        state = {}
        for number, values in state_dict["state"].items():
            if number not in by_number:
                raise ValueError(f"{name}: there is state for parameter {number!r}, which is in no group")
            p = by_number[number]
            check_names(name, number, values, self._state_names)
            state[p] = {key: self._fitting(f"{name}: {key}", p, key, value) for key, value in values.items()}
        self.state = defaultdict(dict, state)
        for own, group in zip(self.param_groups, groups, strict=True):
            own.clear()
            own.update(group)

    def _fitting(self, name: str, p: Tensor, key: str, value: Any) -> Any:
        """Return a copy of an item of the state of a parameter. Raises ValueError if it does not fit."""
        return fitting(name, p, value, key in NUMBERS)

    def _check_kind(self, name: str, given: Mapping[str, Any]) -> None:
        """Raise ValueError if a group has the options of another kind of optimizer."""
        missing = [option for option in self.defaults if option not in given and option not in ADDED_LATER]
        if missing:
            others = [str(option) for option in given if option not in self.defaults and option != "params"]
            raise ValueError(
                f"{name}: the state is of another kind of optimizer: its groups have no {', '.join(missing)}, but "
                f"{', '.join(others) or 'nothing else'}"
            )
