"""`weight_norm` and `spectral_norm` under their first names, which compute the weight before each forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_cnn import creation
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.parameter import Parameter
from tinygrad_cnn.nn.utils.parametrizations import (
    as_matrix,
    check_iterations,
    default_dim,
    improve,
    largest_singular_value,
    norms,
    scaled,
)
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tensor import Tensor

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


class _Hook:
    """Computes one tensor of a module from the parameters that it was split into."""

    def __init__(self, name: str, compute: Callable[[Module, str], Tensor], parts: tuple[str, ...]) -> None:
        self.name, self.compute = name, compute
        self.parts = tuple(f"{name}_{part}" for part in parts)

    def __call__(self, module: Module, args: Any) -> None:
        setattr(module, self.name, self.compute(module, self.name))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Split a weight into norms ``weight_g`` and directions ``weight_v``; return the module.

    The weight is computed before each call of the module. `parametrizations.weight_norm` is its successor.

    >>> import tinygrad_cnn as tg
    >>> layer = tg.nn.utils.weight_norm(tg.nn.Linear(3, 2))
    >>> [(name, p.shape) for name, p in layer.named_parameters()]
    [('bias', (2,)), ('weight_g', (2, 1)), ('weight_v', (2, 3))]
    """

    def compute(module: Module, name: str) -> Tensor:
        return scaled(getattr(module, f"{name}_g"), getattr(module, f"{name}_v"), dim)

    weight = _taken("weight_norm", module, name, compute, ("g", "v"))
    module.register_parameter(f"{name}_g", Parameter(norms(weight.detach(), dim)))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    setattr(module, name, compute(module, name))
    return module


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value before each call; the parameter becomes ``weight_orig``.

    Buffers ``weight_u`` and ``weight_v`` hold the estimate of its singular vectors, which each call in training
    mode improves. `parametrizations.spectral_norm` is its successor. Returns the module.

    >>> import tinygrad_cnn as tg
    >>> list(tg.nn.utils.spectral_norm(tg.nn.Linear(3, 2)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    check_iterations(n_power_iterations)
    rows = default_dim(module) if dim is None else dim

    def compute(module: Module, name: str) -> Tensor:
        weight, u, v = (getattr(module, f"{name}_{part}") for part in ("orig", "u", "v"))
        matrix = as_matrix(weight, rows)
        if module.training:
            improve(matrix.T, v, u, n_power_iterations, eps)  # v first, then u
        return weight / largest_singular_value(matrix, u, v)

    weight = _taken("spectral_norm", module, name, compute, ("orig", "u", "v"))
    module.register_parameter(f"{name}_orig", weight)
    for letter, length in zip("uv", as_matrix(weight.detach(), rows).shape, strict=True):
        start = creation.randn(length, dtype=weight.dtype)
        module.register_buffer(f"{name}_{letter}", F.normalize(start, dim=0, eps=eps))
    setattr(module, name, weight.detach())
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make a weight that `weight_norm` split one parameter again; return the module.

    >>> import tinygrad_cnn as tg
    >>> layer = tg.nn.utils.weight_norm(tg.nn.Linear(2, 3))
    >>> sorted(dict(tg.nn.utils.remove_weight_norm(layer).named_parameters()))
    ['bias', 'weight']
    """
    return _removed("weight_norm", module, name, ("g", "v"))


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make a weight that `spectral_norm` divides an ordinary parameter, with its value now; return the module.

    >>> import tinygrad_cnn as tg
    >>> layer = tg.nn.utils.spectral_norm(tg.nn.Linear(2, 3))
    >>> sorted(dict(tg.nn.utils.remove_spectral_norm(layer).named_parameters()))
    ['bias', 'weight']
    """
    return _removed("spectral_norm", module, name, ("orig", "u", "v"))


def _taken(
    function: str, module: Module, name: str, compute: Callable[[Module, str], Tensor], parts: tuple[str, ...]
) -> Parameter:
    """Return a parameter, which is no parameter of the module any more, and register the hook that computes it."""
    weight = dict(module.named_parameters(recurse=False)).get(name)
    if weight is None:
        raise ValueError(f"{function}: {type(module).__name__} has no parameter {name!r}")
    delattr(module, name)
    module.register_forward_pre_hook(_Hook(name, compute, parts))
    return weight


def _removed(function: str, module: Module, name: str, parts: tuple[str, ...]) -> Module:
    hooks: list[Any] = module._own_hooks().before
    names = tuple(f"{name}_{part}" for part in parts)
    found = [entry for entry in hooks if isinstance(entry[0], _Hook) and entry[0].parts == names]
    if not found:
        raise ValueError(f"remove_{function}: {function} was not applied to {name!r} of {type(module).__name__}")
    hooks.remove(found[0])
    training = module.training
    module.training = False  # the estimate stays as it is
    with no_grad():
        weight = found[0][0].compute(module, name)
    module.training = training
    for part in (name, *found[0][0].parts):
        delattr(module, part)
    module.register_parameter(name, Parameter(weight))
    return module
