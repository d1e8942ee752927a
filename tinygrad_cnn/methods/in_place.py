"""In-place methods. A write is recorded where a gradient is required (`recorded_writes`), else it is NumPy's.

A backward pass that needs an overwritten value raises an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.methods.conversions import Conversions
from tinygrad_cnn.methods.recorded_writes import (
    become,
    check_writable,
    fitted,
    must_be_recorded,
    overwrite,
    write,
)
from tinygrad_cnn.ops.arguments import array_of, want_float
from tinygrad_cnn.ops.index import places, put_at, take_at
from tinygrad_cnn.random import GeneratorArgument as Generator
from tinygrad_cnn.random import default_generator
from tinygrad_cnn.support.arrays import held_number, own_array, want_range
from tinygrad_cnn.support.dtypes import float16, last_whole_number
from tinygrad_cnn.tape.capture import effect
from tinygrad_cnn.tape.grad_mode import is_grad_enabled
from tinygrad_cnn.tape.record import Variable, make_tensor, renamed
from tinygrad_cnn.tape.writes import mark_written
from tinygrad_cnn.typing import Array


def _in_place(name: str) -> Callable[..., Any]:
    """Return a method that overwrites the tensor with an operation's result: exp_ for exp."""
    function = getattr(ops, name)

    def method(self: InPlace, *arguments: Any, **options: Any) -> Any:
        return self._become(f"{name}_", function, *arguments, **options)

    method.__name__, method.__doc__ = f"{name}_", f"`{name}` in place."
    return method


def _arithmetic(name: str, ufunc: np.ufunc) -> Callable[..., Any]:
    """Return an in-place method that computes in the tensor's memory where it is not recorded."""
    general = _in_place(name)

    def method(self: InPlace, other: Any, **options: Any) -> Any:
        if options or must_be_recorded(self, (other,)):
            return general(self, other, **options)
        return self._writes(f"{name}_", lambda a, b: ufunc(a, b, out=a), other)

    method.__name__, method.__doc__ = general.__name__, general.__doc__
    return method


def _reshaped(name: str) -> Callable[..., Any]:
    """Return a method that gives the tensor itself another shape, in the same memory: t_ for t."""
    function = getattr(ops, name)

    def method(self: InPlace, *arguments: Any, **options: Any) -> Any:
        if self._requires_grad and is_grad_enabled():
            check_writable(f"{name}_", self)
        elif self.node is not None:
            raise RuntimeError(f"{name}_: the shape of a recorded tensor cannot change under no_grad()")
        result = function(self, *arguments, **options)
        self.array = result.array
        if result.node is not None:
            become(self, result.node)
        return self

    method.__name__, method.__doc__ = f"{name}_", f"`{name}` in place: the tensor itself changes its shape."
    return method


def _copy(array: Array, given: Any) -> None:
    if np.ndim(given) > array.ndim:
        raise ValueError(f"the source has shape {np.shape(given)}")
    np.copyto(array, given, casting="unsafe")


def _without_leading_ones(value: Any) -> Any:
    """Return an array or tensor without leading dimensions of length 1, which an assignment ignores."""
    shape = getattr(value, "shape", ())
    ones = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return value.reshape(shape[ones:]) if ones else value


def _named(error: Exception, name: str, target: Variable) -> Exception:
    """Return an error of a write with the method's name and the shape of its tensor."""
    message = str(error).removeprefix(f"{name}: ")
    given = "" if "(given " in message else f" (given shape {target.shape})"
    return renamed(error, f"{name}: {message}{given}")


class InPlace(Conversions):
    """In-place methods. Unless under no_grad, they are recorded where a tensor requires a gradient."""

    __slots__ = ()

    @effect
    def _writes(self, name: str, function: Callable[[Array, Any], Any], value: Any) -> Self:
        """Write to the tensor's array with a function of (array, value), without a record."""
        given = own_array(name, value) if isinstance(value, np.ndarray) else array_of(value)
        try:
            function(self.array, given)
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            raise _named(error, name, self) from error
        mark_written(self.array, name)
        return self

    def fill_diagonal_(self, fill_value: Any) -> Self:
        """Overwrite the diagonal of a matrix with a value.

        >>> import tinygrad_cnn as tg
        >>> tg.zeros(2, 3).fill_diagonal_(5)
        tensor([[5., 0., 0.],
                [0., 5., 0.]])
        """
        if self.array.ndim != 2:
            raise ValueError(f"fill_diagonal_: the tensor has shape {self.array.shape}; wanted a matrix")
        diagonal: Any = self.diagonal()  # type: ignore[misc]
        diagonal.fill_(fill_value)
        return self

    def _become(self, name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Self:
        """Overwrite the tensor with the result of a function of it and other arguments."""
        if must_be_recorded(self, (*arguments, *options.values())):
            return self._record_write(name, function, *arguments, **options)
        return self._overwrite(name, function, *arguments, **options)

    @effect
    def _overwrite(self, name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Self:
        """Overwrite the tensor, without a record, with the result of a function of it and other arguments."""

        def write(array: Array, _: Any) -> None:
            result = array_of(function(make_tensor(self, array), *arguments, **options))
            if result.shape != array.shape:
                raise ValueError(f"the result has shape {result.shape}")
            np.copyto(array, result)

        return self._writes(name, write, None)

    def _record_write(self, name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Self:
        """Become the result of a function of this tensor and other arguments."""
        try:
            write(name, self, function, *arguments, **options)
        except (ValueError, TypeError, IndexError) as error:
            raise _named(error, name, self) from error
        return self

    def _record_copy(self, name: str, value: Any) -> Self:
        """Take other values."""
        try:
            overwrite(name, self, value)
        except (ValueError, TypeError, IndexError) as error:
            raise _named(error, name, self) from error
        return self

    add_ = _arithmetic("add", np.add)
    sub_ = _arithmetic("sub", np.subtract)
    mul_ = _arithmetic("mul", np.multiply)
    div_ = _arithmetic("div", np.true_divide)

    abs_ = _in_place("abs")
    absolute_ = _in_place("absolute")
    acos_ = _in_place("acos")
    acosh_ = _in_place("acosh")
    addbmm_ = _in_place("addbmm")
    addcdiv_ = _in_place("addcdiv")
    addcmul_ = _in_place("addcmul")
    addmm_ = _in_place("addmm")
    addmv_ = _in_place("addmv")
    addr_ = _in_place("addr")
    arccos_ = _in_place("arccos")
    arccosh_ = _in_place("arccosh")
    arcsin_ = _in_place("arcsin")
    arcsinh_ = _in_place("arcsinh")
    arctan2_ = _in_place("arctan2")
    arctan_ = _in_place("arctan")
    arctanh_ = _in_place("arctanh")
    asin_ = _in_place("asin")
    asinh_ = _in_place("asinh")
    atan2_ = _in_place("atan2")
    atan_ = _in_place("atan")
    atanh_ = _in_place("atanh")
    baddbmm_ = _in_place("baddbmm")
    bitwise_and_ = _in_place("bitwise_and")
    bitwise_left_shift_ = _in_place("bitwise_left_shift")
    bitwise_not_ = _in_place("bitwise_not")
    bitwise_or_ = _in_place("bitwise_or")
    bitwise_right_shift_ = _in_place("bitwise_right_shift")
    bitwise_xor_ = _in_place("bitwise_xor")
    ceil_ = _in_place("ceil")
    clamp_ = _in_place("clamp")
    clamp_max_ = _in_place("clamp_max")
    clamp_min_ = _in_place("clamp_min")
    clip_ = _in_place("clip")
    copysign_ = _in_place("copysign")
    cos_ = _in_place("cos")
    cosh_ = _in_place("cosh")
    cumprod_ = _in_place("cumprod")
    cumsum_ = _in_place("cumsum")
    deg2rad_ = _in_place("deg2rad")
    digamma_ = _in_place("digamma")
    divide_ = _in_place("divide")
    eq_ = _in_place("eq")
    erf_ = _in_place("erf")
    erfc_ = _in_place("erfc")
    erfinv_ = _in_place("erfinv")
    exp2_ = _in_place("exp2")
    exp_ = _in_place("exp")
    expm1_ = _in_place("expm1")
    fix_ = _in_place("fix")
    float_power_ = _in_place("float_power")
    floor_ = _in_place("floor")
    floor_divide_ = _in_place("floor_divide")
    fmod_ = _in_place("fmod")
    frac_ = _in_place("frac")
    gcd_ = _in_place("gcd")
    ge_ = _in_place("ge")
    greater_ = _in_place("greater")
    greater_equal_ = _in_place("greater_equal")
    gt_ = _in_place("gt")
    heaviside_ = _in_place("heaviside")
    hypot_ = _in_place("hypot")
    index_add_ = _in_place("index_add")
    index_copy_ = _in_place("index_copy")
    index_fill_ = _in_place("index_fill")
    index_put_ = _in_place("index_put")
    index_reduce_ = _in_place("index_reduce")
    lcm_ = _in_place("lcm")
    ldexp_ = _in_place("ldexp")
    le_ = _in_place("le")
    lerp_ = _in_place("lerp")
    less_ = _in_place("less")
    less_equal_ = _in_place("less_equal")
    lgamma_ = _in_place("lgamma")
    log10_ = _in_place("log10")
    log1p_ = _in_place("log1p")
    log2_ = _in_place("log2")
    log_ = _in_place("log")
    logical_and_ = _in_place("logical_and")
    logical_not_ = _in_place("logical_not")
    logical_or_ = _in_place("logical_or")
    logical_xor_ = _in_place("logical_xor")
    logit_ = _in_place("logit")
    lt_ = _in_place("lt")
    masked_fill_ = _in_place("masked_fill")
    masked_scatter_ = _in_place("masked_scatter")
    multiply_ = _in_place("multiply")
    mvlgamma_ = _in_place("mvlgamma")
    nan_to_num_ = _in_place("nan_to_num")
    ne_ = _in_place("ne")
    neg_ = _in_place("neg")
    negative_ = _in_place("negative")
    not_equal_ = _in_place("not_equal")
    polygamma_ = _in_place("polygamma")
    pow_ = _in_place("pow")
    put_ = _in_place("put")
    rad2deg_ = _in_place("rad2deg")
    reciprocal_ = _in_place("reciprocal")
    relu_ = _in_place("relu")
    remainder_ = _in_place("remainder")
    renorm_ = _in_place("renorm")
    round_ = _in_place("round")
    rsqrt_ = _in_place("rsqrt")
    scatter_ = _in_place("scatter")
    scatter_add_ = _in_place("scatter_add")
    scatter_reduce_ = _in_place("scatter_reduce")
    sgn_ = _in_place("sgn")
    sigmoid_ = _in_place("sigmoid")
    sign_ = _in_place("sign")
    sin_ = _in_place("sin")
    sinc_ = _in_place("sinc")
    sinh_ = _in_place("sinh")
    sqrt_ = _in_place("sqrt")
    square_ = _in_place("square")
    subtract_ = _in_place("subtract")
    tan_ = _in_place("tan")
    tanh_ = _in_place("tanh")
    tril_ = _in_place("tril")
    triu_ = _in_place("triu")
    true_divide_ = _in_place("true_divide")
    trunc_ = _in_place("trunc")
    xlogy_ = _in_place("xlogy")

    squeeze_ = _reshaped("squeeze")
    swapaxes_ = _reshaped("swapaxes")
    swapdims_ = _reshaped("swapdims")
    t_ = _reshaped("t")
    transpose_ = _reshaped("transpose")
    unsqueeze_ = _reshaped("unsqueeze")

    def uniform_(self, from_: float = 0.0, to: float = 1.0, *, generator: Generator = None) -> Self:
        """Fill with random numbers, uniform on [from_, to)."""
        if not from_ <= to:
            raise ValueError(f"uniform_: wanted from <= to, got from = {from_} and to = {to}")
        want_float("uniform_", self)
        return self._fill_random("uniform_", lambda rng, shape: rng.uniform(from_, to, shape), generator)

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Generator = None) -> Self:
        """Fill with random numbers from the normal distribution."""
        if not std >= 0:
            raise ValueError(f"normal_: std is {std}; wanted a number of at least 0")
        want_float("normal_", self)
        return self._fill_random("normal_", lambda rng, shape: rng.normal(mean, std, shape), generator)

    def bernoulli_(self, p: float = 0.5, *, generator: Generator = None) -> Self:
        """Fill with 1 with probability p, else 0."""
        if not 0 <= p <= 1:
            raise ValueError(f"bernoulli_: p is {p}; wanted a probability between 0 and 1")
        return self._fill_random("bernoulli_", lambda rng, shape: rng.random(shape) < p, generator)

    def random_(self, from_: int | None = None, to: int | None = None, *, generator: Generator = None) -> Self:
        """Fill with random whole numbers from from_ to to - 1; one number alone is ``to``.

        Without ``to`` they go up to the largest number of an integer type, or to the largest up to which a
        floating-point type has every whole number.
        """
        start, end = (0, from_) if to is None else (from_ or 0, to)
        last = last_whole_number(self.dtype) if end is None else int(end) - 1
        if start > last:
            raise ValueError(f"random_: wanted from < to, got from = {start} and to = {end}")
        want_range("random_", start, last, self.dtype)
        return self._fill_random(
            "random_", lambda rng, shape: rng.integers(start, last, shape, endpoint=True), generator
        )

    def exponential_(self, lambd: float = 1.0, *, generator: Generator = None) -> Self:
        """Fill with random numbers from the exponential distribution of rate lambd, whose mean is 1 / lambd."""
        if not lambd > 0:
            raise ValueError(f"exponential_: lambd is {lambd}; wanted a rate above 0")
        want_float("exponential_", self)
        return self._fill_random("exponential_", lambda rng, shape: rng.exponential(1 / lambd, shape), generator)

    def _fill_random(self, name: str, draw: Callable[..., Any], generator: Generator) -> Self:
        if must_be_recorded(self, ()):
            return self._record_copy(name, draw(generator or default_generator(), self.shape))

        def write(array: Array, _: None) -> None:
            np.copyto(array, draw(generator or default_generator(), array.shape), casting="unsafe")

        return self._writes(name, write, None)

    def detach_(self) -> Self:
        """Detach the tensor from the autograd graph: it becomes a leaf that requires no gradient."""
        if self._base is not None:
            raise RuntimeError("detach_: this tensor is a view, whose base would stay recorded; use detach()")
        self.node, self._requires_grad = None, False
        return self

    def copy_(self, source: Any) -> Self:
        """Copy values in place, converted to this tensor's type and broadcast to its shape."""
        if must_be_recorded(self, (source,)):
            return self._record_copy("copy_", source)
        return self._writes("copy_", _copy, source)

    def fill_(self, value: Any) -> Self:
        """Set every element to a value in place."""
        if np.ndim(array_of(value)):
            raise RuntimeError(f"fill_: wanted one value, got shape {np.shape(array_of(value))}")
        value = held_number("fill_", value, self.dtype)
        if must_be_recorded(self, (value,)):
            return self._record_copy("fill_", value)
        return self._writes("fill_", lambda a, b: a.fill(b), value)

    def zero_(self) -> Self:
        """Set every element to 0 in place."""
        if must_be_recorded(self, ()):
            return self._record_copy("zero_", 0)
        return self._writes("zero_", lambda a, b: a.fill(b), 0)

    def __setitem__(self, index: Any, value: Any) -> None:
        value = _without_leading_ones(value)
        if self.dtype != float16:  # in which PyTorch writes infinity
            value = held_number("setitem", value, self.dtype)
        if must_be_recorded(self, (value,)):
            self._record_assignment(index, value)
            return

        def write(array: Array, given: Any) -> None:
            *before, last = places("setitem", index)
            for part in before:
                array = array[part]
            array[last] = given

        self._writes("setitem", write, value)

    def _record_assignment(self, index: Any, value: Any) -> None:
        """Write to a view of the places that the index names, or, where they are no view, to the tensor."""
        try:
            *before, last = places("setitem", index)
            target = self
            for part in before:
                target = take_at(target, part)
            chosen = take_at(target, last)
        except (ValueError, TypeError, IndexError) as error:
            raise _named(error, "setitem", self) from error
        if chosen._base is not None:
            chosen._record_copy("setitem", value)
        else:
            target._record_write("setitem", lambda x: put_at(x, fitted(chosen, value), last))

    def __iadd__(self, other: Any) -> Self:
        return self.add_(other)

    def __isub__(self, other: Any) -> Self:
        return self.sub_(other)

    def __imul__(self, other: Any) -> Self:
        return self.mul_(other)

    def __itruediv__(self, other: Any) -> Self:
        return self.div_(other)

    def __ifloordiv__(self, other: Any) -> Self:
        return self.floor_divide_(other)

    def __imod__(self, other: Any) -> Self:
        return self.remainder_(other)

    def __ipow__(self, other: Any) -> Self:
        return self.pow_(other)

    def __iand__(self, other: Any) -> Self:
        return self.bitwise_and_(other)

    def __ior__(self, other: Any) -> Self:
        return self.bitwise_or_(other)

    def __ixor__(self, other: Any) -> Self:
        return self.bitwise_xor_(other)

    def __ilshift__(self, other: Any) -> Self:
        return self.bitwise_left_shift_(other)

    def __irshift__(self, other: Any) -> Self:
        return self.bitwise_right_shift_(other)
