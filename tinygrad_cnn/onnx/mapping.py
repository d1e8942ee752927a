"""Each recorded operation in ONNX's operators, of opset 13.

The parameters of a mapping are, like those of a derivative, its contract: ``b`` is the graph, to be called with an
operator; any input or constant of the operation is given by its name, and ``out`` says of what shape and type the
result is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf, log, prod
from typing import Any

import numpy as np

from tinygrad_cnn.kernels.geometry import Window
from tinygrad_cnn.kernels.reference import im2col
from tinygrad_cnn.onnx.batch import Batch, Ramp, Ref, Uniform
from tinygrad_cnn.onnx.graph import FAR, Graph
from tinygrad_cnn.ops.index import filled
from tinygrad_cnn.typing import Pair

Mapping = Callable[..., Ref]

# --- one operator each: the operands in the type of the result ---

_SAME = {
    "abs": "Abs", "acos": "Acos", "acosh": "Acosh", "add": "Add", "asin": "Asin", "asinh": "Asinh", "atan": "Atan",
    "atanh": "Atanh", "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh", "div": "Div", "erf": "Erf", "exp": "Exp",
    "floor": "Floor", "log": "Log", "logical_and": "And", "logical_not": "Not", "logical_or": "Or",
    "logical_xor": "Xor", "matmul": "MatMul", "maximum": "Max", "minimum": "Min", "mul": "Mul", "neg": "Neg",
    "pow": "Pow", "relu": "Relu", "sigmoid": "Sigmoid", "sign": "Sign", "sin": "Sin", "sinh": "Sinh",
    "sqrt": "Sqrt", "sub": "Sub", "tan": "Tan", "tanh": "Tanh",
}  # fmt: skip

# --- one operator each: the operands in the type in which they meet, the result boolean ---

_ASK = {"eq": "Equal", "ge": "GreaterOrEqual", "gt": "Greater", "le": "LessOrEqual", "lt": "Less"}


def _same(operator: str) -> Mapping:
    def mapping(b: Graph, inputs: list[Any], out: Ref) -> Ref:
        return b(operator, *(b.cast(x, out.dtype) for x in inputs))

    return mapping


def _ask(operator: str) -> Mapping:
    def mapping(b: Graph, inputs: list[Any]) -> Ref:
        typed = [x.dtype for x in inputs if hasattr(x, "dtype") and x.dtype is not None]
        kind = np.result_type(*typed)
        if kind.kind != "f" and any(isinstance(x, float) for x in inputs):
            kind = np.dtype(np.float32)
        return b(operator, *(b.cast(x, kind) for x in inputs), dtype=np.bool_)

    return mapping


def _boolean(operator: str) -> Mapping:
    def mapping(b: Graph, inputs: list[Any], out: Ref) -> Ref:
        return (
            b(operator, *(b.cast(x, out.dtype) for x in inputs))
            if out.dtype == np.bool_
            else _refuse("of integers")
        )

    return mapping


# --- formulas ---


def _log_of_sum(b: Graph, x: Any, y: Any) -> Ref:
    """log(e^x + e^y), without overflow."""
    apart = b("Neg", b("Abs", b("Sub", x, y)))
    return b("Add", b("Max", x, y), b("Log", b("Add", b("Exp", apart), b.cast(1, apart.dtype))))


def _clamp(b: Graph, input: Any, min: Any, max: Any, out: Ref) -> Ref:
    above = input if min == -inf else b("Max", input, b.cast(min, out.dtype))
    return above if max == inf else b("Min", above, b.cast(max, out.dtype))


def _between(b: Graph, input: Any, gate: Any, low: float, high: float, inside: bool) -> Ref:
    reached = b("GreaterOrEqual", gate, b.cast(low, gate.dtype), dtype=np.bool_)
    within = b("And", reached, b("LessOrEqual", gate, b.cast(high, gate.dtype), dtype=np.bool_), dtype=np.bool_)
    parts = [input, b.cast(0, input.dtype)]
    return b("Where", within, *(parts if inside else parts[::-1]), dtype=input.dtype)


def _gelu(b: Graph, input: Any) -> Ref:
    share = b("Add", b("Erf", b("Mul", input, b.cast(0.5**0.5, input.dtype))), b.cast(1, input.dtype))
    return b("Mul", b("Mul", input, b.cast(0.5, input.dtype)), share)


def _leaky(b: Graph, input: Any, gate: Any, slope: float) -> Ref:
    above = b("Greater", gate, b.cast(0, gate.dtype), dtype=np.bool_)
    return b("Where", above, input, b("Mul", input, b.cast(slope, input.dtype)), dtype=input.dtype)


def _below_zero(b: Graph, input: Any, alpha: float, scale: float) -> Ref:
    low = b("Mul", b("Min", input, b.cast(0, input.dtype)), b.cast(scale, input.dtype))
    curve = b("Mul", b("Sub", b("Exp", low), b.cast(1, input.dtype)), b.cast(alpha, input.dtype))
    return b("Add", b("Relu", input), curve)


def _softplus(b: Graph, input: Any, beta: float, threshold: float, out: Ref) -> Ref:
    scaled = b("Mul", input, b.cast(beta, input.dtype))
    soft = b("Div", _log_of_sum(b, scaled, _one(b, out, 0)), b.cast(beta, input.dtype))
    far = b("Greater", scaled, b.cast(threshold, input.dtype), dtype=np.bool_)
    return b("Where", far, input, soft, dtype=input.dtype)


def _huber(b: Graph, input: Any, delta: float) -> Ref:
    distance = b("Abs", input)
    near = b("Min", distance, b.cast(delta, input.dtype))
    return b("Mul", near, b("Sub", distance, b("Mul", near, b.cast(0.5, input.dtype))))


def _hypot(b: Graph, inputs: list[Any], out: Ref) -> Ref:
    x, y = (b.cast(value, out.dtype) for value in inputs)
    return b("Sqrt", b("Add", b("Mul", x, x), b("Mul", y, y)))


def _remainder(b: Graph, inputs: list[Any], out: Ref) -> Ref:
    x, y = (b.cast(value, out.dtype) for value in inputs)
    return b("Sub", x, b("Mul", y, b("Floor", b("Div", x, y)))) if out.dtype.kind == "f" else b("Mod", x, y)


def _standardized(b: Graph, input: Any, dim: tuple[int, ...], eps: float) -> Ref:
    centred = b("Sub", input, b.reduce("ReduceMean", input, dim))
    variance = b.reduce("ReduceMean", b("Mul", centred, centred), dim)
    return b("Div", centred, b("Sqrt", b("Add", variance, b.cast(eps, variance.dtype))))


def _linear(b: Graph, input: Any, weight: Any, bias: Any) -> Ref:
    if len(input.shape) == 2:
        return b("Gemm", input, weight, *([] if bias is None else [bias]), transB=1)
    product = b("MatMul", input, b("Transpose", weight, perm=[1, 0]))
    return product if bias is None else b("Add", product, bias)


# --- windows ---


def _conv(b: Graph, input: Any, weight: Any, bias: Any, geometry: Any) -> Ref:
    return b("Conv", input, weight, *([] if bias is None else [bias]), **_geometry(weight, geometry))


def _conv_transpose(b: Graph, grad: Any, weight: Any, size: Any, geometry: Any) -> Ref:
    steps = zip(size, grad.shape[2:], weight.shape[2:], *geometry[:3], strict=True)
    ends = [(m - 1) * s - p + d * (k - 1) + 1 - n for n, m, k, s, p, d in steps]  # to cut off; to add, if negative
    cut = {"pads": [*geometry.padding, *(max(end, 0) for end in ends)]}
    out = b("ConvTranspose", grad, weight, **_geometry(weight, geometry) | cut)
    missing = [max(-end, 0) for end in ends]
    return b("Pad", out, b.integers([0] * 6 + missing), b.cast(0, out.dtype)) if any(missing) else out


def _geometry(weight: Any, geometry: Any) -> dict[str, Any]:
    (ph, pw) = geometry.padding
    return {
        "kernel_shape": list(weight.shape[2:]),
        "strides": list(geometry.stride),
        "pads": [ph, pw, ph, pw],
        "dilations": list(geometry.dilation),
        "group": geometry.groups,
    }


def _windowed(b: Graph, input: Any, window: Any, fill: float) -> tuple[Any, dict[str, Any]]:
    """Return what is pooled and the window's attributes, the margin behind as wide as the last windows reach.

    Runtimes take no margin as wide as the kernel, which a dilated one may have: it is made beforehand.
    """
    size = input.shape[2:]
    ends = [
        max((out - 1) * s + span - n - p, 0)
        for n, out, span, s, p in zip(
            size, window.output_size(size), window.span, window.stride, window.padding, strict=True
        )
    ]
    margin = [*window.padding, *ends]
    if any(m >= k for m, k in zip(margin, window.kernel * 2, strict=True)):
        (top, left, bottom, right), margin = margin, [0] * 4
        input = b("Pad", input, b.integers([0, 0, top, left, 0, 0, bottom, right]), b.cast(fill, input.dtype))
    return input, {"kernel_shape": list(window.kernel), "strides": list(window.stride), "pads": margin}


def _max_pool(b: Graph, input: Any, window: Any) -> Ref:
    pixels, attributes = _windowed(b, input, window, -np.inf)
    return b("MaxPool", pixels, dilations=list(window.dilation), **attributes)


def _avg_pool(b: Graph, input: Any, window: Any, divisor: Any) -> Ref:
    pixels, attributes = _windowed(b, input, window, 0.0)
    means = b("AveragePool", pixels, count_include_pad=1, **attributes)
    taps = prod(window.kernel)
    return means if np.all(divisor == taps) else b("Mul", means, b.cast(taps / np.asarray(divisor), means.dtype))


def _max_places(b: Graph, input: Any, window: Any) -> Ref:
    """The places of the operator count through the whole batch, those of the operation through one plane."""
    pixels, attributes = _windowed(b, input, window, -np.inf)
    if pixels is not input:
        raise ValueError("with a margin as wide as the kernel")
    places = b("MaxPool", pixels, output=1, dtype=np.int64, dilations=list(window.dilation), **attributes)
    return b("Mod", places, b.cast(prod(input.shape[2:]), np.int64))


def _im2col(b: Graph, input: Any, window: Any) -> Ref:
    """Gather the pixels of the windows, which moves infinities and NaN too; a product with zeros would not."""
    (ph, pw), size, channels = window.padding, input.shape[2:], input.shape[1]
    padded = b("Pad", input, b.integers([0, 0, ph, pw] * 2), b.cast(0, input.dtype)) if ph or pw else input
    planes = b("Reshape", padded, b.integers([0, channels, -1]))
    entries = _entries((size[0] + 2 * ph, size[1] + 2 * pw), window._replace(padding=(0, 0)))
    columns = b("Gather", planes, b.ref(entries), axis=2)
    return b("Reshape", columns, b.integers([0, channels * len(entries), entries.shape[1]]))


def _col2im(b: Graph, columns: Any, size: Any, window: Any) -> Ref:
    """Gather for each pixel the entries of columns that lie on it, and a zero where it has fewer than another."""
    channels = columns.shape[1] // prod(window.kernel)
    on = _entries(size, window).ravel()
    by_pixel = [np.flatnonzero(on == pixel) for pixel in range(prod(size))]
    table = np.full((len(by_pixel), max(map(len, by_pixel))), on.size)
    for row, found in zip(table, by_pixel, strict=True):
        row[: len(found)] = found
    flat = b("Reshape", columns, b.integers([0, channels, -1]))
    with_zero = b("Pad", flat, b.integers([0, 0, 0, 0, 0, 1]), b.cast(0, columns.dtype))
    sums = b.reduce("ReduceSum", b("Gather", with_zero, b.ref(table), axis=2), [3], keepdim=False)
    return b("Reshape", sums, b.integers([0, channels, *size]))


def _entries(size: Pair, window: Window) -> Any:
    """Return which pixel each entry of the windows' columns is; -1 is padding."""
    return im2col(np.arange(1, prod(size) + 1).reshape(1, 1, *size), window)[0] - 1


# --- shapes and parts ---


def _reshape(b: Graph, input: Any, shape: Any) -> Ref:
    """A length of the batch is written 0 where the input has it too, else -1; several are computed."""
    if 0 in shape:
        raise ValueError("to a length of 0")
    given = input.shape
    if tuple(shape) == given:
        return b.ref(input)
    target = [0 if isinstance(n, Batch) and given[i : i + 1] == (n,) else n for i, n in enumerate(shape)]
    if sum(isinstance(n, Batch) for n in target) == 1:
        target = [-1 if isinstance(n, Batch) else n for n in target]
    return b("Reshape", input, b.integers(shape if any(isinstance(n, Batch) for n in target) else target))


def _broadcast(b: Graph, input: Any, shape: Any) -> Ref:
    """Expand broadcasts both ways: where the input has the length already, 1 will do."""
    own = (1,) * (len(shape) - len(input.shape)) + tuple(input.shape)
    if tuple(shape) == input.shape:
        return b.ref(input)
    return b("Expand", input, b.integers([1 if n == m else n for n, m in zip(shape, own, strict=True)]))


def _sum(b: Graph, input: Any, dim: tuple[int, ...], keepdim: bool, out: Ref) -> Ref:
    terms = b.cast(input, out.dtype)
    return b.reduce("ReduceSum", terms, dim, keepdim)


def _reduced(operator: str) -> Mapping:
    def mapping(b: Graph, input: Any, dim: tuple[int, ...], keepdim: bool) -> Ref:
        return b.reduce(operator, input, dim, keepdim)

    return mapping


def _extreme_and_place(value: str, place: str) -> Mapping:
    """The largest or smallest along a dimension, which is output 0, and where it is, which is output 1."""

    def mapping(b: Graph, input: Any, dim: int, keepdim: bool, output: int) -> Ref:
        if output == 1:
            return b(place, input, axis=dim, keepdims=int(keepdim), dtype=np.int64)
        return b.reduce(value, input, (dim,), keepdim)

    return mapping


def _var_mean(b: Graph, input: Any, dim: tuple[int, ...], divisor: float, keepdim: bool, output: int) -> Ref:
    """The variance, which is output 0, and the mean, which is output 1."""
    if output == 1:
        return b.reduce("ReduceMean", input, dim, keepdim)
    distance = b("Sub", input, b.reduce("ReduceMean", input, dim, True))
    squares = b.reduce("ReduceSum", b("Mul", distance, distance), dim, keepdim)
    return b("Div", squares, b.cast(divisor, input.dtype))


def _place_of_extreme(operator: str) -> Mapping:
    def mapping(b: Graph, input: Any, dim: int | None, keepdim: bool) -> Ref:
        if dim is None and keepdim:
            raise ValueError("in the flattened tensor, with keepdim")
        x = b("Reshape", input, b.integers([-1])) if dim is None else input
        return b(operator, x, axis=dim or 0, keepdims=int(keepdim), dtype=np.int64)

    return mapping


def _flip(b: Graph, input: Any, dims: tuple[int, ...]) -> Ref:
    ends = [[-1] * len(dims), [-FAR] * len(dims), dims, [-1] * len(dims)]
    return b("Slice", input, *map(b.integers, ends))


def _diagonal(b: Graph, input: Any, offset: int, out: Ref) -> Ref:
    """Every m + 1st entry of each matrix (n, m), flattened."""
    *before, n, m = input.shape
    if isinstance(n, Batch) or isinstance(m, Batch):
        raise ValueError("along the batch")
    start, step = (offset if offset >= 0 else -offset * m), m + 1
    flat = b("Reshape", input, b.integers([0] * len(before) + [n * m]))
    cut = [start], [start + out.shape[-1] * step], [len(before)], [step]
    return b("Slice", flat, *map(b.integers, cut))


def _index(b: Graph, input: Any, arrays: Any, index: Any, out: Ref) -> Ref:
    """Slices, then the one array of indices, then the dimensions that integers take away, then new ones."""
    parts = _spelled_out(filled(index, arrays), len(input.shape))
    axes = [part for part in parts if part is not None]
    gathered = [(axis, p) for axis, p in enumerate(axes) if _is_array(p)]
    taken = [axis for axis, p in enumerate(axes) if isinstance(p, (int, np.integer))]
    booleans = any(isinstance(p, (bool, np.bool_)) or getattr(p, "dtype", None) == np.bool_ for p in axes)
    if len(gathered) > 1 or booleans or (gathered and len(parts) > len(axes)):
        raise ValueError("with several arrays or with booleans as indices")
    left = iter(_left(parts, out.shape))
    ends = [(axis, *_ends(p, input.shape[axis], next(left))) for axis, p in enumerate(axes) if not _is_array(p)]
    cuts = [cut for cut in ends if cut[1:] != (0, FAR, 1)]
    x = b.ref(input)
    if cuts:
        where, starts, stops, steps = zip(*cuts, strict=True)
        x = b("Slice", x, *map(b.integers, (starts, stops, where, steps)))
    for axis, indices in gathered:
        x = b("Gather", x, b.cast(indices, np.int64), axis=axis)
    if taken:
        x = b("Squeeze", x, b.integers(taken))
    kept = [p for p in parts if not isinstance(p, (int, np.integer))]
    new = [i for i, p in enumerate(kept) if p is None]
    return b("Unsqueeze", x, b.integers(new)) if new else x


def _is_array(part: Any) -> bool:
    return isinstance(part, (Ref, np.ndarray, Uniform, Ramp))


def _left(parts: list[Any], shape: tuple[Any, ...]) -> Iterator[Any]:
    """Return the length that each slice of an index leaves of its dimension; for an integer None."""
    place = 0
    for part in parts:
        if isinstance(part, (int, np.integer)):
            yield None
            continue
        if isinstance(part, slice):
            yield shape[place]
        place += len(part.shape) if _is_array(part) else 1


def _spelled_out(index: Any, ndim: int) -> list[Any]:
    """Return an index with a part for each dimension."""
    parts = list(index) if isinstance(index, tuple) else [index]
    rest = ndim - sum(part is not None and part is not ... for part in parts)
    at = next((i for i, part in enumerate(parts) if part is ...), len(parts))
    return [*parts[:at], *[slice(None)] * rest, *parts[at + 1 :]]


def _ends(part: Any, length: Any, left: Any) -> tuple[Any, Any, int]:
    """Return start, end and step of a slice, which leaves so much of the length, or of an integer."""
    if not isinstance(part, slice):
        return int(part), int(part) + 1 or FAR, 1
    if isinstance(length, Batch):
        start, end, step = part.start or 0, FAR if part.stop in (None, length) else part.stop, part.step or 1
        one = left == 1 and (start, end) in ((0, 1), (-1, FAR))  # there always is a first and a last sample
        if not (isinstance(left, Batch) or one) or step < 0:
            raise ValueError("with a part of the batch whose length does not follow from the batch's")
        return start, end, step
    if isinstance(part.start, Batch) or isinstance(part.stop, Batch):
        raise ValueError("to the length of the batch, in another dimension")
    start, end, step = part.indices(length)
    if (start, end, step) == (0, length, 1):
        return 0, FAR, 1
    return start, end if end >= 0 else -FAR, step


def _unindex(b: Graph, input: Any, shape: Any, index: Any) -> Ref:
    """Zeros around: what is put among them must be whole."""
    before, after = [], []
    for part, n in zip(_spelled_out(index, len(shape)), shape, strict=True):
        if not isinstance(part, slice):
            raise ValueError("with indices that are not slices")
        if isinstance(n, Batch):
            start, stop = part.start or 0, n if part.stop is None else part.stop
            if part.step not in (None, 1) or not isinstance(stop, Batch) or stop.times != n.times:
                raise ValueError("with a part of the batch")
            end = n.plus - stop.plus
        else:
            start, stop, step = part.indices(n)
            end = n - stop
            if step != 1:
                raise ValueError("with steps")
        before.append(start)
        after.append(end)
    kind = b.ref(input).dtype
    return b("Pad", input, b.integers(before + after), b.cast(0, kind)) if any(before + after) else b.ref(input)


def _one(b: Graph, out: Ref, value: float = 1) -> Ref:
    return b.cast(value, out.dtype)


MAPPINGS: dict[str, Mapping] = {
    **{name: _same(operator) for name, operator in _SAME.items()},
    **{name: _ask(operator) for name, operator in _ASK.items()},
    "amax": _reduced("ReduceMax"),
    "amin": _reduced("ReduceMin"),
    "argmax": _place_of_extreme("ArgMax"),
    "argmin": _place_of_extreme("ArgMin"),
    "avg_pool2d": _avg_pool,
    "bitwise_and": _boolean("And"),
    "bitwise_not": _boolean("Not"),
    "bitwise_or": _boolean("Or"),
    "bitwise_xor": _boolean("Xor"),
    "broadcast_to": _broadcast,
    "cast": lambda b, input, dtype: b("Identity", b.cast(input, dtype)),
    "cat": lambda b, tensors, dim, out: b("Concat", *(b.cast(t, out.dtype) for t in tensors), axis=dim),
    "clamp": _clamp,
    "col2im": _col2im,
    "conv2d": _conv,
    "conv2d_input": _conv_transpose,
    "cumsum": lambda b, input, dim: b("CumSum", input, b.ref(np.int64(dim))),
    "diagonal": _diagonal,
    "erfc": lambda b, input, out: b("Sub", _one(b, out), b("Erf", input)),
    "exponential_below_zero": _below_zero,
    "exp2": lambda b, input, out: b("Pow", _one(b, out, 2), b.cast(input, out.dtype)),
    "expm1": lambda b, input, out: b("Sub", b("Exp", input), _one(b, out)),
    "flip": _flip,
    "floor_divide": lambda b, inputs, out: b("Floor", b("Div", *(b.cast(x, out.dtype) for x in inputs))),
    "fmod": lambda b, inputs, out: b("Mod", *(b.cast(x, out.dtype) for x in inputs), fmod=1),
    "gelu": _gelu,
    "leaky": _leaky,
    "where_between": _between,
    "softplus": _softplus,
    "hardswish": lambda b, input: b("Mul", input, b("HardSigmoid", input, alpha=1 / 6, beta=0.5)),
    "huber": _huber,
    "softshrink": lambda b, input, lambd: b("Shrink", input, bias=float(lambd), lambd=float(lambd)),
    "hypot": _hypot,
    "im2col": _im2col,
    "index": _index,
    "isfinite": lambda b, input: b("Not", b("Or", *(b(f, input, dtype=np.bool_) for f in ("IsNaN", "IsInf")))),
    "isinf": lambda b, input: b("IsInf", input, dtype=np.bool_),
    "isnan": lambda b, input: b("IsNaN", input, dtype=np.bool_),
    "linear": _linear,
    "log10": lambda b, input, out: b("Div", b("Log", input), _one(b, out, log(10))),
    "log1p": lambda b, input, out: b("Log", b("Add", input, _one(b, out))),
    "log2": lambda b, input, out: b("Div", b("Log", input), _one(b, out, log(2))),
    "log_one_plus_exp": lambda b, input, out: _log_of_sum(b, b.ref(input), _one(b, out, 0)),
    "log_softmax": lambda b, input, dim: b("LogSoftmax", input, axis=dim),
    "logaddexp": lambda b, inputs, out: _log_of_sum(b, *(b.cast(x, out.dtype) for x in inputs)),
    "logsumexp": _reduced("ReduceLogSumExp"),
    "max": _extreme_and_place("ReduceMax", "ArgMax"),
    "max_places2d": _max_places,
    "max_pool2d": _max_pool,
    "mean": _reduced("ReduceMean"),
    "min": _extreme_and_place("ReduceMin", "ArgMin"),
    "ne": lambda b, inputs: b("Not", _ask("Equal")(b, inputs)),
    "permute": lambda b, input, dims: b("Transpose", input, perm=list(dims)) if dims else b.ref(input),
    "remainder": _remainder,
    "reshape": _reshape,
    "round": lambda b, input, decimals: b("Round", input) if not decimals else _refuse("to decimals"),
    "softmax": lambda b, input, dim: b("Softmax", input, axis=dim),
    "square": lambda b, input: b("Mul", input, input),
    "standardize": _standardized,
    "sum": _sum,
    "tile": lambda b, input, repeats: b("Tile", input, b.integers(repeats)),
    "trunc": lambda b, input: b("Mul", b("Sign", input), b("Floor", b("Abs", input))),
    "unindex": _unindex,
    "var_mean": _var_mean,
    "where": lambda b, input, other, condition, out: b(
        "Where", condition, b.cast(input, out.dtype), b.cast(other, out.dtype), dtype=out.dtype
    ),
}


def _refuse(what: str) -> Ref:
    raise ValueError(what)


_WHAT = {"recurrent": ": RNN, LSTM, GRU and their cells are not exported"}


def mapping_of(operation: str, step: object) -> Mapping:
    """Return the mapping of an operation. If it has none, raise a ValueError that names the step."""
    if operation not in MAPPINGS:
        raise ValueError(f"onnx.export: the operation {step} has no counterpart in ONNX{_WHAT.get(operation, '')}")
    return MAPPINGS[operation]
