"""Broadcasting, shapes, parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.registry import Sample, calls, case, dim_of, refuse, some_dims, zeros
from tests.support.strategies import Draw, anywhere, broadcastable, generators, shapes
from tinygrad_cnn.ops import broadcast


@st.composite
def expansions(draw: Draw) -> Sample:
    rng, (a, b) = draw(generators()), draw(broadcastable())
    small, whole = sorted((a, b), key=lambda s: (len(s), np.prod(s)))
    if np.broadcast_shapes(small, whole) != whole:
        small = whole
    return Sample((anywhere(rng, small),), {"shape": whole})


@st.composite
def collapses(draw: Draw) -> Sample:
    sample = draw(expansions())
    (array,), shape = sample.inputs, sample.arguments["shape"]
    return Sample((anywhere(draw(generators()), shape),), {"shape": array.shape})


def sum_back(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Count where each element of the small shape went, and add up there."""
    out = np.zeros(shape)
    np.add.at(out.reshape(-1), np.broadcast_to(np.arange(out.size).reshape(shape), array.shape), array)
    return out


case(
    "broadcast_to",
    tg.broadcast_to,
    np.broadcast_to,
    expansions(),
    torch=lambda torch, x, shape: x.broadcast_to(shape),
)
case(
    "expand",
    lambda x, shape: x.expand(*shape),
    np.broadcast_to,
    expansions(),
    records="broadcast_to",
    torch=lambda torch, x, shape: x.expand(shape),
)
case(
    "expand_as",
    lambda x, shape: x.expand_as(tg.zeros(shape)),
    np.broadcast_to,
    expansions(),
    records="broadcast_to",
    torch=lambda torch, x, shape: x.expand_as(torch.zeros(shape)),
)
case("sum_to", broadcast.sum_to, sum_back, collapses())


def reshapings(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    size = int(np.prod(shape))
    options = [(size,), (1, size), (size, 1, 1)]
    if size:
        options += [(-1,), (1, -1)] + [(n, -1) for n in range(1, size + 1) if size % n == 0]
    return {"shape": draw(st.sampled_from(options))}


case(
    "reshape",
    lambda x, shape: x.reshape(*shape),
    np.reshape,
    calls(anywhere, arguments=reshapings),
    torch="reshape",
)
for name in ("view", "reshape_as", "view_as"):

    def moved(x: Any, shape: tuple[int, ...], name: str = name) -> Any:
        return x.view(shape) if name == "view" else getattr(x, name)(x.reshape(shape))

    case(
        name,
        moved,
        np.reshape,
        calls(anywhere, arguments=reshapings),
        records="reshape",
        torch=lambda torch, *given, moved=moved, **arguments: moved(*given, **arguments),
    )

case(
    "flatten",
    tg.flatten,
    lambda x, start_dim: x.reshape(len(x), int(np.prod(x.shape[1:]))),
    calls(
        anywhere,
        shape=shapes(min_dims=2),
        arguments=lambda d, s: {"start_dim": d(st.sampled_from([1, 1 - len(s)]))},
    ),
    records="reshape",
    torch="flatten",
)
case("ravel", tg.ravel, np.ravel, calls(anywhere), records="reshape", torch="ravel")


def halves(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    dim = dim_of(draw, shape)
    return {"dim": dim, "sizes": draw(st.sampled_from([(1, shape[dim]), (shape[dim], 1, 1), (-1, 1)]))}


case(
    "unflatten",
    tg.unflatten,
    lambda x, dim, sizes: x.reshape((*x.shape[: dim % x.ndim], *sizes, *x.shape[dim % x.ndim :][1:])),
    calls(anywhere, shape=shapes(min_dims=1, min_side=1), arguments=halves),
    records="reshape",
    torch="unflatten",
)
case(
    "unsqueeze",
    tg.unsqueeze,
    lambda x, dim: np.expand_dims(x, dim),
    calls(anywhere, arguments=lambda d, s: {"dim": d(st.integers(-len(s) - 1, len(s)))}),
    records="reshape",
    torch="unsqueeze",
)


def squeezed(x: np.ndarray, dim: Any = None) -> np.ndarray:
    dims = range(x.ndim) if dim is None else [d % x.ndim for d in (dim if isinstance(dim, tuple) else (dim,))]
    return x.reshape([n for i, n in enumerate(x.shape) if n != 1 or i not in dims])


case(
    "squeeze",
    lambda x, dim=None: x.squeeze() if dim is None else x.squeeze(dim),
    squeezed,
    calls(anywhere, arguments=lambda d, s: {"dim": some_dims(d, s)}),
    records="reshape",
    torch=lambda torch, x, dim=None: x.squeeze() if dim is None else x.squeeze(dim),
)
case(
    "permute",
    tg.permute,
    lambda x, dims: np.transpose(x, dims),
    calls(anywhere, arguments=lambda d, s: {"dims": tuple(d(st.permutations(range(len(s)))))}),
    torch="permute",
)
case("T", lambda x: x.T, np.transpose, calls(anywhere), records="permute")
case("t", tg.t, np.transpose, calls(anywhere, shape=shapes(max_dims=2)), records="permute", torch="t")
two_dims = calls(
    anywhere, shape=shapes(min_dims=1), arguments=lambda d, s: {"dim0": dim_of(d, s), "dim1": dim_of(d, s)}
)
for name in ("transpose", "swapdims"):
    case(
        name,
        getattr(tg, name),
        lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1),
        two_dims,
        records="permute",
        torch=name,
    )
case(
    "swapaxes",
    lambda x, dim0, dim1: x.swapaxes(dim0, dim1),
    lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1),
    two_dims,
    records="permute",
    torch=lambda torch, x, dim0, dim1: x.swapaxes(dim0, dim1),
)
case(
    "mT",
    lambda x: x.mT,
    lambda x: np.swapaxes(x, -1, -2),
    calls(anywhere, shape=shapes(min_dims=2)),
    records="permute",
    torch=lambda torch, x: x.mT,
)


def moves(draw: Draw, shape: tuple[int, ...]) -> dict[str, Any]:
    if draw(st.booleans()):
        return {"source": dim_of(draw, shape), "destination": dim_of(draw, shape)}
    if len(shape) > 2 and draw(st.booleans()):
        return {"source": (0, 1), "destination": (1, 0)}  # only one order of insertion is right
    count = draw(st.integers(1, len(shape)))
    places = (tuple(draw(st.permutations(range(len(shape))))[:count]) for _ in range(2))
    return dict(zip(("source", "destination"), places, strict=True))


for name in ("movedim", "moveaxis"):
    case(
        name,
        getattr(tg, name),
        lambda x, source, destination: np.moveaxis(x, source, destination),
        calls(anywhere, shape=shapes(min_dims=1) | shapes(min_dims=3, min_side=2), arguments=moves),
        records="permute",
        torch=name,
    )


@st.composite
def meetings(draw: Draw) -> Sample:
    rng = draw(generators())
    return Sample(tuple(anywhere(rng, s) for s in draw(broadcastable(3))), {})


def joined(parts: Any, cat: Any) -> Any:
    """Several results as one, so that a case can hold them to account."""
    return cat([p.reshape(-1) for p in parts])


case(
    "broadcast_tensors",
    lambda *t: joined(tg.broadcast_tensors(*t), tg.cat),
    lambda *a: joined(np.broadcast_arrays(*a), np.concatenate),
    meetings(),
    records="cat",
    torch=lambda torch, *t: joined(torch.broadcast_tensors(*t), torch.cat),
)


@st.composite
def joins(draw: Draw) -> Sample:
    rng, shape = draw(generators()), list(draw(shapes(min_dims=1)))
    dim = dim_of(draw, tuple(shape))
    arrays = []
    for _ in range(draw(st.integers(1, 3))):
        shape[dim] = draw(st.integers(0, 3))
        arrays.append(anywhere(rng, tuple(shape)))
    return Sample(tuple(arrays), {"dim": dim})


@st.composite
def stackings(draw: Draw) -> Sample:
    rng, shape = draw(generators()), draw(shapes())
    arrays = tuple(anywhere(rng, shape) for _ in range(draw(st.integers(1, 3))))
    return Sample(arrays, {"dim": draw(st.integers(-len(shape) - 1, len(shape)))})


case(
    "cat",
    lambda *t, dim: tg.cat(t, dim),
    lambda *a, dim: np.concatenate(a, dim),
    joins(),
    torch=lambda torch, *t, dim: torch.cat(t, dim),
)
case(
    "stack",
    lambda *t, dim: tg.stack(t, dim),
    lambda *a, dim: np.stack(a, dim),
    stackings(),
    records="cat",
    torch=lambda torch, *t, dim: torch.stack(t, dim),
)

# --- what must be refused ---

refuse(lambda: zeros(2, 3).reshape(4, -1), ValueError, r"reshape: a tensor of shape \(2, 3\) cannot .* \(4, -1\)")
refuse(lambda: zeros(2, 3).reshape(-1, -1), ValueError, r"reshape")
refuse(lambda: zeros(2, 3).reshape(1.5, 4), TypeError, r"reshape: the shape is .*; wanted integers")
refuse(lambda: zeros(2, 3).expand(3, 3), ValueError, r"broadcast_to: ")
refuse(
    lambda: zeros(2, 3).expand(3), ValueError, r"expand: a tensor of shape \(2, 3\) cannot be expanded to \(3,\)"
)
refuse(lambda: zeros(2, 3).permute(0, 0), ValueError, r"permute: \(0, 0\) does not name each of the 2")
refuse(lambda: zeros(2, 3).transpose(0, 2), IndexError, r"transpose: dim 2 is out of range .* 2 dimensions")
refuse(lambda: zeros(2, 3).flatten(1, 0), ValueError, r"flatten: start_dim 1 comes after end_dim 0")
refuse(lambda: zeros(2).unsqueeze(3), IndexError, r"unsqueeze: dim 3")
refuse(lambda: tg.cat([]), ValueError, r"cat: wanted at least one tensor")
refuse(lambda: tg.cat([zeros(2, 3), zeros(2, 4)]), ValueError, r"cat: shapes .* along dimension 0")
refuse(lambda: tg.stack([zeros(2), zeros(3)]), ValueError, r"stack: wanted tensors of one shape")
refuse(lambda: zeros(2, 6).unflatten(1, (4, -1)), ValueError, r"unflatten: dimension 1 of \(2, 6\) cannot be split")
refuse(lambda: zeros(2, 3).movedim((0, 1), (0, 0)), ValueError, r"movedim: cannot move dimensions \(0, 1\)")
refuse(lambda: zeros(2, 3, 4).t(), ValueError, r"t: wanted at most two dimensions")
refuse(
    lambda: tg.broadcast_tensors(zeros(2), zeros(3)), ValueError, r"broadcast_tensors: shapes .* do not broadcast"
)
