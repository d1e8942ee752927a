"""Weights that are computed from others: `weight_norm` and `spectral_norm` as parametrizations."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn import creation, ops
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn.conv import ConvTranspose1d, ConvTranspose2d
from tinygrad_cnn.nn.module import Module
from tinygrad_cnn.nn.utils.parametrize import register_parametrization
from tinygrad_cnn.support.missing_names import explain_missing_names
from tinygrad_cnn.tape.grad_mode import no_grad
from tinygrad_cnn.tensor import Tensor

__all__ = ["spectral_norm", "weight_norm"]


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Split a weight into the norms of its slices along ``dim``, and its directions; return the module.

    (Salimans and Kingma, "Weight Normalization", 2016.) With ``dim`` None, there is one norm of the whole weight.

    >>> import tinygrad_cnn as tg
    >>> layer = tg.nn.utils.parametrizations.weight_norm(tg.nn.Linear(3, 2))
    >>> [(name, p.shape) for name, p in layer.named_parameters() if name != "bias"]
    [('parametrizations.weight.original0', (2, 1)), ('parametrizations.weight.original1', (2, 3))]
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, estimated by power iteration; return the module.

    The weight is taken as a matrix whose rows are the slices along ``dim``: 1 for transposed convolutions, 0
    otherwise. Each reading in training mode improves the estimate by some iterations. (Miyato et al., "Spectral
    Normalization for Generative Adversarial Networks", 2018.)

    >>> import tinygrad_cnn as tg
    >>> layer = tg.nn.utils.parametrizations.spectral_norm(tg.nn.Linear(3, 2), n_power_iterations=20)
    >>> round(tg.linalg.matrix_norm(layer.weight, 2).item(), 3)
    1.0
    """
    weight = getattr(module, name)
    rows = default_dim(module) if dim is None else dim
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, rows, eps))


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """Return the weight of these norms and directions."""
        return scaled(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return norms and directions of a weight."""
        return norms(weight, self.dim), weight


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        check_iterations(n_power_iterations)
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps
        if weight.ndim > 1:
            matrix = as_matrix(weight.detach(), dim)
            for letter, length in zip("uv", matrix.shape, strict=True):
                start = creation.randn(length, dtype=matrix.dtype)
                self.register_buffer(f"_{letter}", F.normalize(start, dim=0, eps=eps))
            improve(matrix, self._u, self._v, 15, eps)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight divided by its norm."""
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            improve(matrix, self._u, self._v, self.n_power_iterations, self.eps)
        return weight / largest_singular_value(matrix, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        """Return the value, which may not have norm 1."""
        return value


def norms(weight: Tensor, dim: int | None) -> Tensor:
    """Return the norms of the slices of a weight along a dimension; for None or -1, of all of it."""
    if dim is None or dim == -1:
        return ops.norm(weight)
    others = tuple(d for d in range(weight.ndim) if d != dim % weight.ndim)
    return ops.norm(weight, dim=others, keepdim=True) if others else ops.abs(weight)


def scaled(weight_g: Tensor, weight_v: Tensor, dim: int | None) -> Tensor:
    """Return the weight of these norms and directions."""
    return weight_v * (weight_g / norms(weight_v, dim))


def default_dim(module: Module) -> int:
    """Return the dimension of a layer's output channels."""
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d)) else 0


def check_iterations(count: int) -> None:
    """Refuse a number of power iterations below 1."""
    if count <= 0:
        raise ValueError(f"spectral_norm: n_power_iterations is {count}; wanted 1 or more")


def as_matrix(weight: Any, dim: int) -> Any:
    """Return a weight as a matrix whose rows are its slices along a dimension."""
    return ops.flatten(ops.movedim(weight, dim, 0), 1)


def improve(matrix: Tensor, u: Tensor, v: Tensor, iterations: int, eps: float) -> None:
    """Bring u and v nearer to the singular vectors of the largest singular value, in place."""
    with no_grad():
        for _ in range(iterations):
            u.copy_(F.normalize(matrix @ v, dim=0, eps=eps))
            v.copy_(F.normalize(matrix.T @ u, dim=0, eps=eps))


def largest_singular_value(matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Return the estimate u M v; u and v are copied, since the next reading improves them in place."""
    return ops.dot(u.clone(), matrix @ v.clone())


explain_missing_names("torch.nn.utils.parametrizations", __name__)
