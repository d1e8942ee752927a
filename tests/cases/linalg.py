"""Matrix products."""

from __future__ import annotations

from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.registry import Sample, case, refuse, zeros
from tests.support.strategies import Draw, anywhere, broadcastable, generators, shapes, spaced
from tinygrad_cnn.ops import linalg as inversion


@st.composite
def products(draw: Draw) -> Sample:
    rng = draw(generators())
    n, k, m = (draw(st.integers(0, 3)) for _ in range(3))
    before, other_before = draw(broadcastable())
    left = draw(st.sampled_from([(k,), (*before, n, k)]))
    right = draw(st.sampled_from([(k,), (*other_before, k, m)]))
    return Sample((anywhere(rng, left), anywhere(rng, right)), {})


@st.composite
def layers(draw: Draw) -> Sample:
    rng, before = draw(generators()), draw(shapes(max_dims=2))
    inputs, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    operands = anywhere(rng, (*before, inputs)), anywhere(rng, (outputs, inputs)), anywhere(rng, (outputs,))
    return Sample(operands[: draw(st.integers(2, 3))], {})


case("matmul", tg.matmul, np.matmul, products(), torch="matmul")
case("linear", tg.linear, lambda x, w, b=0: x @ w.T + b, layers(), torch="nn.functional.linear")


# --- products of matrices and vectors, by rank ---


def sized(*letters: str) -> st.SearchStrategy[Sample]:
    """Arrays whose dimensions are named by letters: one letter, one length."""

    @st.composite
    def samples(draw: Draw) -> Sample:
        rng = draw(generators())
        length = {c: draw(st.integers(0, 3)) for c in sorted(set("".join(letters)) - {"1"})} | {"1": 1}
        return Sample(tuple(anywhere(rng, tuple(length[c] for c in one)) for one in letters), {})

    return samples()


for name, oracle, letters in [
    ("mm", np.matmul, ("nk", "km")),
    ("bmm", np.matmul, ("bnk", "bkm")),
    ("mv", np.matmul, ("nk", "k")),
    ("dot", np.dot, ("k", "k")),
    ("vdot", np.vdot, ("k", "k")),
]:
    case(name, getattr(tg, name), oracle, sized(*letters), records="matmul", torch=name)
case("outer", tg.outer, np.outer, sized("n", "m"), records="mul", torch="outer")

scales = st.fixed_dictionaries(
    {}, optional={"beta": st.sampled_from([1, 2, -0.5]), "alpha": st.sampled_from([1, 3, 0.5])}
)


def with_scales(samples: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    return st.builds(lambda sample, arguments: Sample(sample.inputs, arguments), samples, scales)


for name, multiply, letters in [
    ("addmm", np.matmul, (("nm", "nk", "km"), ("m", "nk", "km"), ("", "nk", "km"), ("n1", "nk", "km"))),
    ("addmv", np.matmul, (("n", "nk", "k"),)),
    ("baddbmm", np.matmul, (("bnm", "bnk", "bkm"), ("nm", "bnk", "bkm"), ("1n1", "bnk", "bkm"))),
    ("addbmm", lambda a, b: np.matmul(a, b).sum(0), (("nm", "bnk", "bkm"), ("1m", "bnk", "bkm"))),
]:
    case(
        name,
        getattr(tg, name),
        lambda x, a, b, beta=1, alpha=1, multiply=multiply: beta * x + alpha * multiply(a, b),
        st.one_of(*(with_scales(sized(*one)) for one in letters)),
        records="matmul add",
        torch=name,
    )

# --- einsum and what is written with it ---

EQUATIONS = [
    ("i->i", "i"),
    ("ij->ji", "ij"),
    ("ij->", "ij"),
    ("ij", "ij"),
    ("ba", "ab"),
    ("ii", "ii"),
    ("ii->i", "ii"),
    ("iji->j", "iji"),
    ("iii->i", "iii"),
    ("ijij->ji", "ijij"),
    ("i,i->i", "i", "i"),
    ("i,i", "i", "i"),
    ("i,j->ji", "i", "j"),
    ("ij,jk", "ij", "jk"),
    ("ij,jk->ki", "ij", "jk"),
    ("ij,kl->il", "ij", "kl"),
    ("ij,ij->i", "ij", "ij"),
    ("bhq,bhk->bqk", "bhq", "bhk"),
    ("bn,anm,bm->ba", "bn", "anm", "bm"),
    ("i,ij,j->", "i", "ij", "j"),
    ("ii,ij->j", "ii", "ij"),
    ("ij,jk", "i1", "jk"),
    ("ij,ij->ij", "1j", "i1"),
    ("...ij,...jk->...ik", "abij", "bjk"),
    ("...ij,...jk", "bij", "ajk"[1:]),
    ("i...->...", "iab"),
    ("...i->i...", "abi"),
    ("...,...", "ab", "1b"),
    ("b ... , ... -> b", "ba", "a"),
    (",ij", "", "ij"),
]
equations = st.sampled_from(EQUATIONS).flatmap(
    lambda e: sized(*e[1:]).map(lambda sample: Sample(sample.inputs, {"equation": e[0]}))
)


def numpy_einsum(*arrays: np.ndarray, equation: str) -> np.ndarray:
    """NumPy's, which wants ... in the result where PyTorch sums, and lengths of 1 only behind it."""
    if equation == "b ... , ... -> b":
        return np.einsum("ba,a->b", *arrays)
    return np.einsum(equation, *arrays)


case(
    "einsum",
    lambda *tensors, equation: tg.einsum(equation, *tensors),
    numpy_einsum,
    equations,
    records="permute",
    torch=lambda torch, *tensors, equation: torch.einsum(equation, *tensors),
)
case(
    "einsum_of_lists",
    lambda a, b: tg.einsum(a, [..., 3, 0], b, [0, 7], [7, ..., 3]),
    lambda a, b: np.einsum("...da,ah->h...d", a, b),
    sized("bda", "ah"),
    records="matmul",
    torch=lambda torch, a, b: torch.einsum(a, [..., 3, 0], b, [0, 7], [7, ..., 3]),
)


@st.composite
def tensordots(draw: Draw) -> Sample:
    letters, dims = draw(
        st.sampled_from(
            [
                (("ab", "cd"), 0),
                (("ab", "bc"), 1),
                (("abc", "bcd"), 2),
                (("abc", "cad"), ([2, 0], [0, 1])),
                (("abc", "dac"), ([-1, -3], [-1, -2])),
                (("ab", "ba"), ([0, 1], [1, 0])),
            ]
        )
    )
    return Sample(draw(sized(*letters)).inputs, {"dims": dims})


case(
    "tensordot",
    tg.tensordot,
    lambda a, b, dims: np.tensordot(a, b, dims),
    tensordots(),
    records="permute",
    torch="tensordot",
)
case(
    "inner",
    tg.inner,
    np.inner,
    st.one_of(sized("ak", "bck"), sized("k", "k"), sized("bk", "k")),
    records="permute",
    torch="inner",
)
numbers = st.one_of(sized("", "ab"), sized("ab", ""), sized("", ""))
case("inner_of_numbers", tg.inner, np.inner, numbers, records="mul", torch="inner")
krons = st.one_of(*(sized(*e) for e in [("ab", "cd"), ("a", "bc"), ("abc", "d"), ("", "ab"), ("a", "")]))
case("kron", tg.kron, np.kron, krons, records="mul", torch="kron")
case("trace", tg.trace, np.trace, sized("nm"), records="sum", torch="trace")

# --- distances ---


@st.composite
def crosses(draw: Draw) -> Sample:
    rng, dim = draw(generators()), draw(st.sampled_from([0, 1, -1, -2]))
    shape = [2, 2]
    shape[dim] = 3
    other = [n if draw(st.booleans()) or n == 3 else 1 for n in shape]
    return Sample((anywhere(rng, tuple(shape)), anywhere(rng, tuple(other))), {"dim": dim})


case(
    "cross",
    tg.cross,
    lambda a, b, dim: np.cross(a, b, axis=dim),
    crosses(),
    records="mul",
    torch=lambda torch, a, b, dim: torch.linalg.cross(a, b, dim=dim),
)


@st.composite
def distances(draw: Draw) -> Sample:
    rng, (before, other_before) = draw(generators()), draw(broadcastable())
    p, r, m = (draw(st.integers(0, 3)) for _ in range(3))
    power = draw(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0, *([np.inf] if m else [])]))
    x = spaced(rng, (*before[:1], p, m))
    y = spaced(rng, (*other_before[:0], r, m)) + 0.043
    return Sample((x, y), {"p": power})


def distance(x: np.ndarray, y: np.ndarray, p: float) -> np.ndarray:
    apart = np.abs(x[..., :, None, :] - y[..., None, :, :])
    return apart.max(-1) if p == np.inf else (apart**p).sum(-1) ** (1 / p)


case(
    "cdist",
    tg.cdist,
    distance,
    distances(),
    records="sub",
    torch=lambda torch, x, y, p: torch.linalg.vector_norm(x[..., :, None, :] - y[..., None, :, :], p, dim=-1),
)

# --- inverses and determinants ---


def invertible(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Matrices whose singular values are between 0.5 and 2, with determinants of either sign."""
    u, _, v = np.linalg.svd(rng.standard_normal(shape))
    return (u * rng.uniform(0.5, 2, (*shape[:-2], 1, shape[-1]))) @ v


@st.composite
def square_matrices(draw: Draw, max_side: int = 3) -> Sample:
    rng, n = draw(generators()), draw(st.integers(0, max_side))
    return Sample((invertible(rng, (*draw(shapes(max_dims=2, max_side=2)), n, n)),), {})


@st.composite
def systems(draw: Draw) -> Sample:
    rng, n, k = draw(generators()), draw(st.integers(1, 3)), draw(st.integers(0, 2))
    before, other_before = draw(broadcastable())
    left = draw(st.booleans())
    sides = [(*other_before, n, k) if left else (*other_before, k, n), *([(n,), (*before, n)] if left else [])]
    shape = draw(st.sampled_from(sides))
    if len(shape) == len(before) + 1 and not (left and shape in ((n,), (*before, n))):
        shape = (1, *shape)  # matrices that could be taken for vectors
    return Sample((invertible(rng, (*before, n, n)), anywhere(rng, shape)), {"left": left})


def solution(A: np.ndarray, B: np.ndarray, left: bool) -> np.ndarray:
    if B.ndim == 1 or A.shape[:-1] == B.shape:
        return (np.linalg.inv(A) @ B[..., None])[..., 0]
    return np.linalg.inv(A) @ B if left else B @ np.linalg.inv(A)


def gram(x: Any) -> Any:
    """A symmetric positive definite matrix."""
    return x @ (x.mT if hasattr(x, "mT") else np.swapaxes(x, -1, -2))


@st.composite
def foursomes(draw: Draw, right_side: bool = False) -> Sample:
    """An invertible 4 x 4 matrix as (2, 2, 4), or as (2, 4, 2) with a vector."""
    rng = draw(generators())
    x = invertible(rng, (4, 4))
    return Sample((x.reshape(2, 4, 2), anywhere(rng, (4,))) if right_side else (x.reshape(2, 2, 4),), {})


def exponential(x: np.ndarray) -> np.ndarray:
    """The sum of 40 terms of the series."""
    out = term = np.eye(x.shape[-1]) + np.zeros_like(x)
    for n in range(1, 40):
        term = term @ x / n
        out = out + term
    return out


case("inv", tg.linalg.inv, np.linalg.inv, square_matrices(), torch="linalg.inv")
case("inverse", tg.inverse, np.linalg.inv, square_matrices(), records="inv", torch="inverse")
case("solve", tg.linalg.solve, solution, systems(), torch="linalg.solve")
case("det", tg.det, np.linalg.det, square_matrices(), torch="linalg.det")
case(
    "cofactors",
    lambda x: inversion._cofactors(x),
    lambda x: np.linalg.det(x)[..., None, None] * np.swapaxes(np.linalg.inv(x), -1, -2),
    square_matrices(),
)
case(
    "slogdet",
    lambda x: tg.linalg.slogdet(x).logabsdet,
    lambda x: np.linalg.slogdet(x).logabsdet,
    square_matrices(),
    records="logabsdet",
    torch=lambda torch, x: torch.linalg.slogdet(x).logabsdet,
)
case(
    "cholesky",
    lambda x, upper: tg.linalg.cholesky(x @ x.mT, upper=upper),
    lambda x, upper: np.linalg.cholesky(x @ np.swapaxes(x, -1, -2), upper=upper),
    st.builds(lambda s, upper: Sample(s.inputs, {"upper": upper}), square_matrices(), st.booleans()),
    torch=lambda torch, x, upper: torch.linalg.cholesky(x @ x.mT, upper=upper),
)
CHAINS = [("ab", "bc"), ("ab", "bc", "cd"), ("a", "ab", "bc", "cd"), ("ab", "bc", "c"), ("a", "a")]
powers = st.sampled_from([-3, -2, 2, 3, 5])
case(
    "matrix_power",
    tg.linalg.matrix_power,
    np.linalg.matrix_power,
    st.builds(lambda s, n: Sample(s.inputs, {"n": n}), square_matrices(), powers),
    records="matmul",
    torch="linalg.matrix_power",
)
case(
    "multi_dot",
    lambda *tensors: tg.linalg.multi_dot(tensors),
    lambda *arrays: reduce(np.matmul, arrays),
    st.one_of(
        *(
            sized(*e)
            for e in [("ab", "bc"), ("ab", "bc", "cd"), ("a", "ab", "bc", "cd"), ("ab", "bc", "c"), ("a", "a")]
        )
    ),
    records="matmul",
    torch=lambda torch, *tensors: torch.linalg.multi_dot(tensors),
)

case(
    "logdet",
    lambda x: tg.logdet(gram(x)),
    lambda x: np.log(np.linalg.det(gram(x))),
    square_matrices(),
    records="logabsdet where",
    torch=lambda torch, x: torch.logdet(gram(x)),
)
case(
    "cholesky_solve",
    lambda b, x: tg.cholesky_solve(b, tg.linalg.cholesky(gram(x))),
    lambda b, x: np.linalg.solve(gram(x), b),
    systems().map(lambda s: Sample((s.inputs[0][..., :2], s.inputs[0]), {})),
    records="cholesky solve",
    torch=lambda torch, b, x: torch.cholesky_solve(b, torch.linalg.cholesky(gram(x))),
)
case(
    "cholesky_inverse",
    lambda x: tg.cholesky_inverse(tg.linalg.cholesky(gram(x), upper=True), upper=True),
    lambda x: np.linalg.inv(gram(x)),
    square_matrices(),
    records="cholesky inv",
    torch=lambda torch, x: torch.cholesky_inverse(torch.linalg.cholesky(gram(x), upper=True), upper=True),
)
case("matrix_exp", tg.matrix_exp, exponential, square_matrices(2), records="matmul", torch="linalg.matrix_exp")
case(
    "chain_matmul",
    tg.chain_matmul,
    lambda *arrays: reduce(np.matmul, arrays),
    sized("ab", "bc", "cd"),
    records="matmul",
    torch=lambda torch, *tensors: torch.linalg.multi_dot(tensors),
)
case("tensorinv", tg.linalg.tensorinv, np.linalg.tensorinv, foursomes(), records="inv", torch="linalg.tensorinv")
case(
    "tensorsolve",
    lambda a, b: tg.linalg.tensorsolve(a, b, (0,)),
    lambda a, b: np.linalg.tensorsolve(a, b, (0,)),
    foursomes(True),
    records="solve",
    torch=lambda torch, a, b: torch.linalg.tensorsolve(a, b, (0,)),
)

# --- norms, and products along a dimension ---


@st.composite
def norms(draw: Draw, *orders: Any, square: bool = False) -> Sample:
    rng, m = draw(generators()), draw(st.integers(1, 3))
    n = m if square else draw(st.integers(1, 3))
    u, _, v = np.linalg.svd(rng.standard_normal((2, m, n)), full_matrices=False)
    apart = np.arange(1, min(m, n) + 1) + rng.uniform(0.2, 0.6, (2, 1, min(m, n)))
    return Sample(((u * apart) @ v,), {"ord": draw(st.sampled_from(orders))})


case(
    "matrix_norm",
    lambda x, ord: tg.linalg.matrix_norm(x, ord),
    lambda x, ord: np.linalg.norm(x, ord, (-2, -1)),
    norms("nuc", 2, -2),
    records="svdvals",
    torch=lambda torch, x, ord: torch.linalg.matrix_norm(x, ord),
)
case(
    "matrix_norm_of_sums",
    lambda x, ord: tg.linalg.matrix_norm(x, ord),
    lambda x, ord: np.linalg.norm(x, ord, (-2, -1)),
    norms(1, -1, np.inf, -np.inf),
    records="abs",
    torch=lambda torch, x, ord: torch.linalg.matrix_norm(x, ord),
)
case(
    "cond",
    lambda x, ord: tg.linalg.cond(x, ord),
    lambda x, ord: np.linalg.cond(x, ord),
    norms(None, 2, -2, square=True),
    records="svdvals",
    torch=lambda torch, x, ord: torch.linalg.cond(x, ord),
)
case(  # PyTorch's own derivative of these fails
    "cond_of_order",
    lambda x, ord: tg.linalg.cond(x, ord),
    lambda x, ord: np.linalg.cond(x, ord),
    norms("fro", "nuc", 1, -np.inf, square=True),
    records="inv",
    torch=lambda torch, x, ord: (
        torch.linalg.matrix_norm(x, ord) * torch.linalg.matrix_norm(torch.linalg.inv(x), ord)
    ),
)
case(
    "linalg_cross",
    lambda a, b: tg.linalg.cross(a, b),
    np.cross,
    st.builds(lambda rng: Sample(tuple(anywhere(rng, (2, 3)) for _ in range(2)), {}), generators()),
    records="mul",
    torch="linalg.cross",
)
case(
    "vecdot",
    lambda x, y: tg.linalg.vecdot(x, y, dim=0),
    lambda x, y: (x * y).sum(0),
    sized("ka", "ka"),
    records="mul sum",
    torch=lambda torch, x, y: torch.linalg.vecdot(x, y, dim=0),
)
case(
    "linalg_diagonal",
    tg.linalg.diagonal,
    lambda x: np.diagonal(x, 0, -2, -1),
    sized("bnm"),
    records="diagonal",
    torch="linalg.diagonal",
)
case(
    "linalg_vander",
    lambda x: tg.linalg.vander(x, N=3),
    lambda x: x[..., None] ** np.arange(3),
    sized("ab"),
    records="pow",
    torch=lambda torch, x: torch.linalg.vander(x, N=3),
)
case(
    "addr",
    lambda x, a, b: tg.addr(x, a, b, beta=0.5, alpha=2),
    lambda x, a, b: 0.5 * x + 2 * np.outer(a, b),
    sized("ab", "a", "b"),
    records="mul add",
    torch=lambda torch, x, a, b: torch.addr(x, a, b, beta=0.5, alpha=2),
)
case("ger", tg.ger, np.outer, sized("a", "b"), records="mul", torch="ger")
case("adjoint", tg.adjoint, lambda x: np.swapaxes(x, -1, -2), sized("bnm"), records="permute", torch="adjoint")
case("diagflat", tg.diagflat, np.diagflat, sized("ab"), records="undiagonal", torch="diagflat")
case(
    "pinverse",
    tg.pinverse,
    np.linalg.pinv,
    norms(None).map(lambda s: Sample(s.inputs, {})),
    records="pinv",
    torch="pinverse",
)
case(
    "pdist",
    lambda x: tg.pdist(x, 3.0),
    lambda x: distance(x, x, 3.0)[np.triu_indices(len(x), 1)],
    st.builds(lambda rng, n: Sample((spaced(rng, (n, 2)),), {}), generators(), st.integers(2, 4)),
    records="sub",
    torch=lambda torch, x: torch.linalg.vector_norm(
        torch.stack([x[i] - x[j] for i, j in combinations(range(len(x)), 2)]), 3.0, dim=1
    ),
)

# --- what must be refused ---

refuse(lambda: tg.linalg.matrix_norm(zeros(2, 2), 3), ValueError, r"matrix_norm: over 2 dimensions the order is 3")
refuse(lambda: tg.linalg.matrix_norm(zeros(2), 2), (IndexError, ValueError), r"dimension")
refuse(lambda: tg.linalg.cross(zeros(2, 3), zeros(3)), ValueError, r"cross: shapes \(2, 3\) and \(3,\) do not fit")
refuse(lambda: tg.linalg.tensorinv(zeros(2, 3), 1), ValueError, r"tensorinv: shape \(2, 3\) is not square")
refuse(lambda: tg.linalg.tensorsolve(zeros(2, 3), zeros(2)), ValueError, r"tensorsolve: A of shape \(2, 3\)")
refuse(lambda: tg.cholesky_solve(zeros(3, 1), zeros(2, 2)), ValueError, r"cholesky_solve: B of shape \(3, 1\)")
refuse(lambda: tg.pdist(zeros(2)), ValueError, r"pdist: got shape \(2,\)")
refuse(lambda: tg.norm(zeros(2, 2), "nuc"), ValueError, r"norm: the order 'nuc' is unknown.*linalg.matrix_norm")

refuse(lambda: zeros(2, 3) @ zeros(2, 3), ValueError, r"matmul: shapes \(2, 3\) and \(2, 3\) do not fit")
refuse(
    lambda: zeros(2, 3) @ tg.zeros(3, 2, dtype=tg.float64),
    TypeError,
    r"matmul: input is float32, other is float64",
)
refuse(lambda: tg.linear(zeros(2, 3), zeros(4, 2)), ValueError, r"linear: input of shape \(2, 3\) .*\(\.\.\., 2\)")
refuse(
    lambda: tg.linear(zeros(2, 3), zeros(4, 3), zeros(3)),
    ValueError,
    r"linear: bias of shape \(3,\); wanted \(4,\)",
)
refuse(lambda: tg.mm(zeros(2), zeros(2, 2)), ValueError, r"mm: shapes \(2,\) and \(2, 2\) .* of 2 and 2 dimensions")
refuse(lambda: tg.dot(zeros(2, 2), zeros(2)), ValueError, r"dot: shapes \(2, 2\) and \(2,\) do not fit")
refuse(lambda: tg.bmm(zeros(1, 2, 2), zeros(2, 2, 2)), ValueError, r"bmm: batches of 1 and of 2 matrices")
refuse(
    lambda: tg.addmm(zeros(3, 2), zeros(2, 2), zeros(2, 2)), ValueError, r"addmm: input of shape \(3, 2\) cannot be"
)
refuse(lambda: tg.addmm(tg.tensor([1]), zeros(2, 2), zeros(2, 2)), TypeError, r"addmm: input is int64")
refuse(lambda: tg.einsum("ij,jk", zeros(2, 2)), ValueError, r"einsum: 'ij,jk' is for 2 operands, got 1")
refuse(lambda: tg.einsum("ij", zeros(2)), ValueError, r"einsum: 'ij' in 'ij' does not name the 1 dimensions")
refuse(lambda: tg.einsum("i....", zeros(2)), ValueError, r"einsum: cannot read 'i\.\.\.\.'")
refuse(
    lambda: tg.einsum("i,i", zeros(2), zeros(3)), ValueError, r"einsum: dimension i has both the lengths 2 and 3"
)
refuse(lambda: tg.einsum("i->ii", zeros(2)), ValueError, r"einsum: the result names \['i', 'i'\]")
refuse(lambda: tg.einsum("i->j", zeros(2)), ValueError, r"einsum: the result names \['j'\]")
refuse(lambda: tg.einsum("ii", zeros(1, 3)), ValueError, r"einsum: shape \(1, 3\) has no diagonal along")
refuse(lambda: tg.einsum(zeros(2), 3), TypeError, r"einsum: wanted an equation, or a list of numbers")
refuse(lambda: tg.tensordot(zeros(2, 3), zeros(4), 1), ValueError, r"tensordot: dimension 1 has both")
refuse(lambda: tg.tensordot(zeros(2), zeros(2), 2), ValueError, r"tensordot: dims is 2; wanted 0 to 1")
refuse(lambda: tg.inner(zeros(2, 3), zeros(2)), ValueError, r"inner: the last lengths of")
refuse(lambda: tg.trace(zeros(2)), ValueError, r"trace: wanted a matrix, got shape \(2,\)")
refuse(lambda: tg.cross(zeros(2, 2), zeros(2, 2)), ValueError, r"cross: dimension 0 of \(2, 2\) is not of length 3")
refuse(lambda: tg.cdist(zeros(2, 3), zeros(2, 2)), ValueError, r"cdist: shapes \(2, 3\) and \(2, 2\) do not fit")
refuse(lambda: tg.cdist(zeros(2, 3), zeros(2, 3), p=-1), ValueError, r"cdist: p is -1; wanted at least 0")
refuse(lambda: tg.linalg.inv(zeros(2, 2)), ValueError, r"inv: Singular matrix \(given shape \(2, 2\)\)")
refuse(lambda: tg.linalg.inv(zeros(2, 3)), ValueError, r"inv: wanted square matrices .* got shape \(2, 3\)")
refuse(lambda: tg.det(tg.tensor([[1]])), TypeError, r"det: wanted floating-point numbers, got int64")
refuse(lambda: tg.linalg.solve(zeros(2, 2), zeros(2)), ValueError, r"solve: Singular matrix")
refuse(lambda: tg.linalg.solve(zeros(2, 2), zeros(3)), ValueError, r"solve: B of shape \(3,\) does not fit A")
refuse(lambda: tg.linalg.solve(zeros(2, 2), zeros(2), left=False), ValueError, r"solve: wanted matrices B")
refuse(lambda: tg.linalg.cholesky(-tg.eye(2)), ValueError, r"cholesky: Matrix is not positive definite")
refuse(lambda: tg.linalg.multi_dot([zeros(2, 2)]), ValueError, r"multi_dot: wanted at least two tensors, got 1")
refuse(
    lambda: tg.linalg.multi_dot([zeros(2, 2), zeros(2), zeros(2)]),
    ValueError,
    r"multi_dot: wanted matrices",
)
