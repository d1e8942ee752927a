"""Matrix products: matmul, linear and their variants."""

from __future__ import annotations

from math import prod
from typing import Any

from tinygrad_cnn.kernels import matmul as kernels
from tinygrad_cnn.ops.arguments import want_same_dtype
from tinygrad_cnn.ops.broadcast import broadcasting, cast
from tinygrad_cnn.ops.elementwise import add, mul
from tinygrad_cnn.ops.reduce import _sum, sum
from tinygrad_cnn.ops.shape import reshape, squeeze, unsqueeze
from tinygrad_cnn.tape.record import operation
from tinygrad_cnn.typing import Array, Shape, T

__all__ = [
    "addbmm",
    "addmm",
    "addmv",
    "addr",
    "baddbmm",
    "bmm",
    "dot",
    "ger",
    "linear",
    "matmul",
    "mm",
    "mv",
    "outer",
    "vdot",
]


@broadcasting(
    input=lambda g, other: _matmul(g, other.mT),
    other=lambda g, input: _matmul(input.mT, g),
)
def _matmul(input: Array, other: Array) -> Array:
    return kernels.matmul(input, other)


def matmul(input: T, other: T) -> T:
    """Multiply matrices (..., n, k) and (..., k, m), or a vector (k,) on either side; leading dimensions broadcast.

    >>> import tinygrad_cnn as tg
    >>> (tg.ones(5, 2, 3) @ tg.ones(3, 4)).shape
    (5, 2, 4)
    """
    want_same_dtype("matmul", input=input, other=other)
    a, b = input.shape, other.shape
    if not a or not b or a[-1] != b[max(len(b) - 2, 0)]:
        raise ValueError(
            f"matmul: shapes {a} and {b} do not fit: wanted (..., n, k) and (..., k, m){_turned(a, b)}"
        )
    if len(a) > 1 and len(b) > 1:
        return _matmul(input, other)
    rows = input if len(a) > 1 else unsqueeze(input, 0)
    columns = other if len(b) > 1 else unsqueeze(other, 1)
    product = _matmul(rows, columns)
    if len(b) == 1:
        product = squeeze(product, -1)
    return product if len(a) > 1 else squeeze(product, -1 if len(b) == 1 else -2)


def _check_ndim(name: str, *operands: tuple[Any, int]) -> list[Any]:
    """Return the operands of a product; each is given with the number of dimensions that it must have."""
    if any(x.ndim != wanted for x, wanted in operands):
        shapes = " and ".join(str(x.shape) for x, _ in operands)
        counts = " and ".join(str(wanted) for _, wanted in operands)
        raise ValueError(f"{name}: shapes {shapes} do not fit: wanted tensors of {counts} dimensions")
    return [x for x, _ in operands]


def mm(input: T, mat2: T) -> T:
    """Multiply two matrices.

    >>> import tinygrad_cnn as tg
    >>> tg.mm(tg.ones(2, 3), tg.ones(3, 4)).shape
    (2, 4)
    """
    return matmul(*_check_ndim("mm", (input, 2), (mat2, 2)))


def bmm(input: T, mat2: T) -> T:
    """Multiply two batches of matrices, (b, n, k) and (b, k, m).

    >>> import tinygrad_cnn as tg
    >>> tg.bmm(tg.ones(2, 1, 3), tg.ones(2, 3, 4)).shape
    (2, 1, 4)
    """
    a, b = _check_ndim("bmm", (input, 3), (mat2, 3))
    if a.shape[0] != b.shape[0]:
        raise ValueError(f"bmm: batches of {a.shape[0]} and of {b.shape[0]} matrices do not fit")
    return matmul(a, b)


def mv(input: T, vec: T) -> T:
    """Multiply a matrix and a vector.

    >>> import tinygrad_cnn as tg
    >>> tg.mv(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.ones(2))
    tensor([3., 7.])
    """
    return matmul(*_check_ndim("mv", (input, 2), (vec, 1)))


def dot(input: T, tensor: T) -> T:
    """Return the dot product of two vectors.

    >>> import tinygrad_cnn as tg
    >>> tg.dot(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return matmul(*_check_ndim("dot", (input, 1), (tensor, 1)))


def vdot(input: T, other: T) -> T:
    """Return the dot product of two vectors: `dot`, as numbers are real.

    >>> import tinygrad_cnn as tg
    >>> tg.vdot(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
    tensor(11.)
    """
    return matmul(*_check_ndim("vdot", (input, 1), (other, 1)))


def outer(input: T, vec2: T) -> T:
    """Return the outer product of two vectors: the products of each entry of one with each of the other.

    >>> import tinygrad_cnn as tg
    >>> tg.outer(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    column, row = _check_ndim("outer", (input, 1), (vec2, 1))
    return mul(unsqueeze(column, 1), row)


def ger(input: T, vec2: T) -> T:
    """Return the outer product of two vectors: `outer`.

    >>> import tinygrad_cnn as tg
    >>> tg.ger(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    return outer(input, vec2)


def _added(name: str, input: T, product: T, beta: float, alpha: float) -> T:
    """Return beta * input + alpha * product; if beta is 0, the input is ignored, as in BLAS."""
    want_same_dtype(name, input=input, product=product)
    shape, wanted = input.shape, product.shape
    if len(shape) > len(wanted) or any(n not in (1, m) for n, m in zip(shape[::-1], wanted[::-1], strict=False)):
        raise ValueError(f"{name}: input of shape {shape} cannot be broadcast to the product's {wanted}")
    scaled = product if alpha == 1 else mul(product, alpha)
    return scaled if beta == 0 else add(input if beta == 1 else mul(input, beta), scaled)


def addmm(input: T, mat1: T, mat2: T, *, beta: float = 1, alpha: float = 1) -> T:
    """Return beta * input + alpha * (mat1 @ mat2), for matrices.

    >>> import tinygrad_cnn as tg
    >>> tg.addmm(tg.ones(2), tg.eye(2), tg.eye(2), alpha=3)
    tensor([[4., 1.],
            [1., 4.]])
    """
    return _added("addmm", input, mm(mat1, mat2), beta, alpha)


def addmv(input: T, mat: T, vec: T, *, beta: float = 1, alpha: float = 1) -> T:
    """Return beta * input + alpha * (mat @ vec), for a matrix and a vector.

    >>> import tinygrad_cnn as tg
    >>> tg.addmv(tg.ones(2), tg.ones(2, 3), tg.ones(3))
    tensor([4., 4.])
    """
    return _added("addmv", input, mv(mat, vec), beta, alpha)


def addr(input: T, vec1: T, vec2: T, *, beta: float = 1, alpha: float = 1) -> T:
    """Return beta * input + alpha * the outer product of two vectors.

    >>> import tinygrad_cnn as tg
    >>> tg.addr(tg.zeros(2, 2), tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    result = _added("addr", input, outer(vec1, vec2), beta, alpha)
    return cast(result, dtype=input.dtype) if input.dtype.kind == "b" else result


def baddbmm(input: T, batch1: T, batch2: T, *, beta: float = 1, alpha: float = 1) -> T:
    """Return beta * input + alpha * (batch1 @ batch2), for batches of matrices.

    >>> import tinygrad_cnn as tg
    >>> tg.baddbmm(tg.ones(1, 1, 1), tg.ones(1, 1, 3), tg.ones(1, 3, 1))
    tensor([[[4.]]])
    """
    return _added("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def addbmm(input: T, batch1: T, batch2: T, *, beta: float = 1, alpha: float = 1) -> T:
    """Return beta * input + alpha * the sum over the batch of batch1 @ batch2.

    >>> import tinygrad_cnn as tg
    >>> tg.addbmm(tg.zeros(1, 1), tg.ones(2, 1, 3), tg.ones(2, 3, 1))
    tensor([[6.]])
    """
    products = bmm(batch1, batch2)
    return _added("addbmm", input, sum(products, 0, dtype=products.dtype), beta, alpha)


def _rows(x: Any) -> Any:
    """Return (..., n) reshaped to a matrix (rows, n)."""
    return x if x.ndim == 2 else reshape(x, (-1, x.shape[-1]) if x.shape[-1] else (0, 0))


@operation(
    input=lambda g, weight: _linear(g, weight.mT, None),
    weight=lambda g, input: _matmul(_rows(g).mT, _rows(input)),
    bias=lambda g: _sum(_rows(g), dim=(0,), keepdim=False),
)
def _linear(input: Array, weight: Array, bias: Array | None) -> Array:
    return kernels.linear(input, weight, bias)


def _linear_misfit(x: Shape, w: Shape) -> str:
    """Return the message about an input that does not fit the weight of `linear`, with the mend."""
    message = f"linear: input of shape {x} does not fit a weight of shape {w}: wanted (..., {w[-1]})"
    if len(w) != 2 or not x:
        return message
    if len(x) > 1 and prod(x[1:]) == w[1]:
        return f"{message}: input.flatten(1) has that shape"
    return f"{message}; a layer for this input is Linear({x[-1]}, {w[0]})"


def _turned(a: Shape, b: Shape) -> str:
    """Return which factor of a matrix product to transpose so that shapes fit, for the end of a message."""
    if len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
        return "; the transposed second one, other.mT, fits"
    return "; the transposed first one, input.mT, fits" if len(a) > 1 and len(b) > 1 and a[-2] == b[-2] else ""


def linear(input: T, weight: T, bias: T | None = None) -> T:
    """Return input @ weight.T + bias: z_j = sum_i w_ji x_i + b_j for each row x.

    Shapes: input (..., in_features), weight (out_features, in_features), bias (out_features,).
    """
    want_same_dtype("linear", input=input, weight=weight, bias=bias)
    x, w = input.shape, weight.shape
    if len(w) != 2 or not x or x[-1] != w[1]:
        raise ValueError(_linear_misfit(x, w))
    if bias is not None and bias.shape != w[:1]:
        raise ValueError(f"linear: bias of shape {bias.shape}; wanted {w[:1]} for a weight of shape {w}")
    if len(x) == 1:
        return squeeze(_linear(unsqueeze(input, 0), weight, bias), 0)
    return _linear(input, weight, bias)
