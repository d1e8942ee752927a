"""Tensor contractions: einsum, and tensordot, inner, kron and trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import prod
from typing import Any, TypeAlias

from tinygrad_cnn.ops.arguments import as_tuple, one_dim, want_same_dtype
from tinygrad_cnn.ops.elementwise import mul
from tinygrad_cnn.ops.matrix import matmul
from tinygrad_cnn.ops.rearrange import diagonal
from tinygrad_cnn.ops.reduce import as_type, sum
from tinygrad_cnn.ops.shape import permute, reshape
from tinygrad_cnn.typing import T

__all__ = [
    "einsum",
    "inner",
    "kron",
    "tensordot",
    "trace",
]

Labels: TypeAlias = list[Hashable]


def einsum(equation: Any, *operands: Any) -> Any:
    """Sum products of tensors over the dimensions that an equation names (Einstein's summation convention).

    Each letter names a dimension of an operand. Letters that the result does not name are summed over. A letter
    that one operand names twice takes a diagonal. ``...`` stands for dimensions that broadcast. Without ``->`` the
    result has the dimensions of ``...`` and then, in alphabetical order, the letters that appear once. A list of
    numbers after each operand may replace the equation, as in PyTorch and NumPy.

    >>> import tinygrad_cnn as tg
    >>> tg.einsum("bij,bjk->bik", tg.ones(5, 2, 3), tg.ones(5, 3, 4)).shape
    (5, 2, 4)
    >>> tg.einsum("ii", tg.eye(3)).item()
    3.0
    """
    if not isinstance(equation, str):
        equation, operands = _lettered((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {equation!r} is for {len(terms)} operands, got {len(operands)}")
    labels = [_labels(equation, term, x.ndim) for term, x in zip(terms, operands, strict=True)]
    hidden = max((len(one) - len(term.replace("...", "")) for term, one in zip(terms, labels, strict=True)))
    if arrow:
        return _contracted("einsum", operands, labels, _labels(equation, right, hidden, result=True))
    times = Counter(letter for letter in left if letter.isalpha())
    once = sorted(letter for letter, n in times.items() if n == 1)
    return _contracted("einsum", operands, labels, [*range(-hidden, 0), *once])


def _lettered(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return the equation and the operands for arguments (operand, list of numbers, ..., [list for the result])."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    try:
        terms = ["".join("..." if i is Ellipsis else letters[i] for i in one) for one in arguments[1::2]]
        result = ["".join("..." if i is Ellipsis else letters[i] for i in one) for one in arguments[-1:]]
    except (TypeError, IndexError):
        raise TypeError("einsum: wanted an equation, or a list of numbers below 52 after each operand") from None
    without_result = len(arguments) % 2 == 0
    return ",".join(terms) + ("" if without_result else "->" + result[0]), arguments[: len(terms) * 2 : 2]


def _labels(equation: str, term: str, ndim: int, result: bool = False) -> Labels:
    """Return a label for each dimension: its letter, or, for the n dimensions of ``...``, -n to -1."""
    head, dots, tail = term.partition("...")
    if not all(c.isascii() and c.isalpha() for c in head + tail):
        raise ValueError(f"einsum: cannot read {term!r} in {equation!r}: wanted letters, and ... at most once")
    hidden = ndim if result else ndim - len(head) - len(tail)
    if not result and (hidden < 0 or (hidden and not dots)):
        raise ValueError(f"einsum: {term!r} in {equation!r} does not name the {ndim} dimensions of its operand")
    return [*head, *(range(-hidden, 0) if dots else ()), *tail]


def _contracted(name: str, operands: Sequence[Any], labels: Sequence[Labels], result: Labels) -> Any:
    """Return the product of the operands, summed over every label that the result does not have."""
    want_same_dtype(name, **{f"operand {i}": x for i, x in enumerate(operands)})
    lengths: dict[Hashable, int] = {}
    for x, one in zip(operands, labels, strict=True):
        for label, n in zip(one, x.shape, strict=True):
            known = lengths.get(label, 1)
            if 1 not in (known, n) and known != n:
                raise ValueError(f"{name}: dimension {label} has both the lengths {known} and {n}")
            lengths[label] = n if known == 1 else known
    if len(set(result)) < len(result) or not lengths.keys() >= set(result):
        raise ValueError(f"{name}: the result names {result}; wanted each at most once, of {list(lengths)}")
    product, have = _plain(operands[0], labels[0], lengths)
    for i, (x, one) in enumerate(zip(operands[1:], labels[1:], strict=True), start=2):
        later = set(result).union(*labels[i:])
        product, have = _product(product, have, *_plain(x, one, lengths), later)
    product, have = _summed(product, have, set(result))
    return permute(product, [have.index(label) for label in result])


def _plain(x: Any, labels: Labels, lengths: dict[Hashable, int]) -> tuple[Any, Labels]:
    """Return an operand with its diagonals taken, and without dimensions of length 1 that broadcast."""
    for label in [label for label, n in Counter(labels).items() if n > 1]:
        while (first := labels.index(label)) < (last := len(labels) - 1 - labels[::-1].index(label)):
            if x.shape[first] != x.shape[last]:
                raise ValueError(f"einsum: shape {x.shape} has no diagonal along the dimensions {label}")
            rest = [i for i in range(len(labels)) if i not in (first, last)]
            x = diagonal(x, 0, first, last)
            labels = [*(labels[i] for i in rest), label]
    kept = [i for i, label in enumerate(labels) if x.shape[i] == lengths[label]]
    if len(kept) < len(labels):
        x = reshape(x, [x.shape[i] for i in kept])
    return x, [labels[i] for i in kept]


def _summed(x: Any, labels: Labels, wanted: set[Hashable]) -> tuple[Any, Labels]:
    dims = [i for i, label in enumerate(labels) if label not in wanted]
    return (sum(x, dims), [label for label in labels if label in wanted]) if dims else (x, labels)


def _product(a: Any, of_a: Labels, b: Any, of_b: Labels, later: set[Hashable]) -> tuple[Any, Labels]:
    """Multiply two operands as matrices, summing over the labels of both that are not needed later."""
    a, of_a = _summed(a, of_a, later.union(of_b))
    b, of_b = _summed(b, of_b, later.union(of_a))
    both = [label for label in of_a if label in of_b]
    batch = [label for label in both if label in later]
    inner = [label for label in both if label not in later]
    rows, columns = ([label for label in one if label not in both] for one in (of_a, of_b))
    length = dict(zip([*of_a, *of_b], [*a.shape, *b.shape], strict=True))
    n, k, m = (prod(length[label] for label in group) for group in (rows, inner, columns))
    size = [length[label] for label in batch]
    a = reshape(permute(a, [of_a.index(label) for label in (*batch, *rows, *inner)]), [*size, n, k])
    b = reshape(permute(b, [of_b.index(label) for label in (*batch, *inner, *columns)]), [*size, k, m])
    out = matmul(a, b) if inner else mul(a, b)
    result = [*batch, *rows, *columns]
    return reshape(out, [length[label] for label in result]), result


def tensordot(a: T, b: T, dims: Any = 2) -> T:
    """Contract dimensions of a with dimensions of b: the last n of a with the first n of b, or those of two lists.

    >>> import tinygrad_cnn as tg
    >>> tg.tensordot(tg.ones(2, 3, 4), tg.ones(4, 3, 5), dims=([1, 2], [1, 0])).shape
    (2, 5)
    """
    ndim, other = a.ndim, b.ndim
    if isinstance(dims, int):
        if not 0 <= dims <= min(ndim, other):
            raise ValueError(f"tensordot: dims is {dims}; wanted 0 to {min(ndim, other)}")
        dims = range(ndim - dims, ndim), range(dims)
    of_a, of_b = (as_tuple(dim) for dim in dims)
    labels = list(range(ndim)), list(range(ndim, ndim + other))
    if len(of_a) != len(of_b):
        raise ValueError(f"tensordot: dims is {dims}; wanted as many dimensions of a as of b")
    for i, j in zip(of_a, of_b, strict=True):
        labels[1][one_dim("tensordot", j, other)] = one_dim("tensordot", i, ndim)
    summed = set(labels[0]) & set(labels[1])
    result: Labels = [label for label in (*labels[0], *labels[1]) if label not in summed]
    product = _contracted("tensordot", [a, b], [list(one) for one in labels], result)
    return as_type(product, a.dtype)


def inner(input: T, other: T) -> T:
    """Sum products over the last dimension of each; a 0-d tensor is multiplied.

    >>> import tinygrad_cnn as tg
    >>> tg.inner(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
    tensor(11.)
    """
    if not input.ndim or not other.ndim:
        return mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise ValueError(f"inner: the last lengths of {input.shape} and {other.shape} differ")
    return tensordot(input, other, ([-1], [-1]))


def kron(input: T, other: T) -> T:
    """Return the Kronecker product: a tensor of blocks, each of them other times one entry of input.

    >>> import tinygrad_cnn as tg
    >>> tg.kron(tg.tensor([1.0, 10.0]), tg.tensor([1.0, 2.0]))
    tensor([ 1.,  2., 10., 20.])
    """
    ndim = max(input.ndim, other.ndim)
    a, b = ((1,) * (ndim - x.ndim) + x.shape for x in (input, other))
    blocks = mul(
        reshape(input, [n for i in a for n in (i, 1)]),
        reshape(other, [n for j in b for n in (1, j)]),
    )
    return reshape(blocks, [i * j for i, j in zip(a, b, strict=True)])


def trace(input: T) -> T:
    """Return the sum of the diagonal of a matrix.

    >>> import tinygrad_cnn as tg
    >>> tg.trace(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    if input.ndim != 2:
        raise ValueError(f"trace: wanted a matrix, got shape {input.shape}")
    return sum(diagonal(input))
