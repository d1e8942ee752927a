"""Every door through which arrays enter, and every kind of array: right values, or an error that names the door."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.data import DataLoader, default_collate, digit_from_drawing, read_idx, write_idx
from tinygrad_cnn.data.transforms import ToTensor
from tinygrad_cnn.kernels.thresholds import COMPILED_FROM

SIDE = 20  # a square of so many numbers a side meets the compiled kernels
assert SIDE * SIDE > COMPILED_FROM
VALUES = np.linspace(0, 1, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)


def misaligned() -> np.ndarray:
    array = np.empty(VALUES.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(VALUES.shape)
    array[:] = VALUES
    return array


def read_only() -> np.ndarray:
    array = VALUES.copy()
    array.flags.writeable = False
    return array


def matrix() -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.matrix(VALUES)


TAKEN: dict[str, Callable[[], np.ndarray]] = {
    "plain": VALUES.copy,
    "float64": lambda: VALUES.astype(np.float64),
    "float16": lambda: VALUES.astype(np.float16),
    "big-endian float32": lambda: VALUES.astype(">f4"),
    "big-endian float64": lambda: VALUES.astype(">f8"),
    "big-endian int32": lambda: np.rint(VALUES).astype(">i4"),
    "unsigned": lambda: np.rint(VALUES).astype(np.uint64),
    "read-only": read_only,
    "repeated": lambda: np.broadcast_to(VALUES[0], VALUES.shape),
    "zero strides": lambda: as_strided(VALUES[0, :1].copy(), VALUES.shape, (0, 0)),
    "misaligned": misaligned,
    "backward": lambda: VALUES[::-1, ::-1],
    "column-major": lambda: np.asfortranarray(VALUES),
    "matrix": matrix,
    "masked nowhere": lambda: np.ma.array(VALUES),
    "no dimensions": lambda: np.array(0.5, np.float32),
    "no rows": lambda: np.zeros((0, SIDE), np.float32),
}
REFUSED: dict[str, Callable[[], np.ndarray]] = {
    "complex": lambda: VALUES.astype(np.complex64),
    "object": lambda: VALUES.astype(object),
    "structured": lambda: np.zeros((SIDE, SIDE), [("a", np.float32)]),
    "text": lambda: VALUES.astype(str),
    "bytes": lambda: VALUES.astype("S8"),
    "dates": lambda: np.zeros((SIDE, SIDE), "M8[D]"),
    "spans": lambda: np.zeros((SIDE, SIDE), "m8[s]"),
    "masked": lambda: np.ma.array(VALUES, mask=VALUES > 0.5),
    "float128": lambda: VALUES.astype(np.longdouble),
}


def itself(array: np.ndarray) -> np.ndarray:
    """What a door that keeps values and type makes of an array."""
    return np.asarray(array)


def in_float32(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float32)


def loaded(array: np.ndarray) -> tg.Tensor:
    model = nn.Linear(1, 1, bias=False)
    model.weight = nn.Parameter(tg.zeros(array.shape))
    model.load_state_dict({"weight": array})
    return model.weight.detach()


def set_item(array: np.ndarray) -> tg.Tensor:
    result = tg.zeros(array.shape)
    result[...] = array
    return result


def through_idx(array: np.ndarray, folder: Path) -> tg.Tensor:
    write_idx(folder / "array", array)
    return tg.from_numpy(read_idx(folder / "array"))


DOORS: dict[str, tuple[Callable[[np.ndarray], tg.Tensor], Callable[[np.ndarray], np.ndarray]]] = {
    "tensor": (tg.tensor, itself),
    "Tensor": (tg.Tensor, itself),
    "a list": (lambda a: tg.tensor([a, a])[1], itself),
    "from_numpy": (tg.from_numpy, itself),
    "as_tensor": (tg.as_tensor, itself),
    "as_tensor with a type": (lambda a: tg.as_tensor(a, tg.float32), in_float32),
    "new_tensor": (lambda a: tg.zeros(1).new_tensor(a), in_float32),
    "Parameter": (lambda a: nn.Parameter(a, requires_grad=False), itself),
    "collate": (lambda a: default_collate([a, a])[0], itself),
    "DataLoader": (lambda a: next(iter(DataLoader([a, a], 2)))[0], itself),
    "ToTensor": (lambda a: ToTensor()(a)[0], itself),
    "load_state_dict": (loaded, in_float32),
    "copy_": (lambda a: tg.zeros(a.shape).copy_(a), in_float32),
    "setitem": (set_item, in_float32),
    "add_": (lambda a: tg.zeros(a.shape).double().add_(a).float(), in_float32),
    "add": (lambda a: tg.zeros(a.shape) + a, lambda a: np.asarray(a, np.result_type(a.dtype, np.float16))),
    "np.add": (
        lambda a: np.add(a, tg.zeros(a.shape)),
        lambda a: np.asarray(a, np.result_type(a.dtype, np.float16)),
    ),
    "add to integers": (lambda a: tg.zeros(a.shape).char() + a, itself),
    "where": (lambda a: tg.where(np.ones(a.shape, bool), a, tg.zeros(a.shape).char()), itself),
}
SHARED = ["from_numpy", "as_tensor", "as_tensor with a type", "ToTensor"]  # may share memory


def use(result: tg.Tensor, wanted: np.ndarray) -> None:
    """A tensor of those values, whose arrays are as every tensor's are, and that can be computed with."""
    assert type(result.array) is np.ndarray
    assert result.dtype.isnative
    np.testing.assert_array_equal(result.array, wanted)
    leaf = result.detach().float().requires_grad_()
    (leaf * leaf).relu().sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), 2 * np.asarray(wanted, np.float32))
    if result.dtype.kind == "f":
        leaf = result.detach().requires_grad_()
        (leaf * leaf).relu().sum().backward()
        assert leaf.grad.dtype == result.dtype
        if result.ndim == 2 and len(wanted):
            product = (leaf @ leaf).sum()
            product.backward()
            assert leaf.grad.dtype == result.dtype


@pytest.mark.parametrize("kind", TAKEN)
@pytest.mark.parametrize("door", DOORS)
def test_what_is_taken_can_be_computed_with(door: str, kind: str) -> None:
    enter, wanted = DOORS[door]
    array = TAKEN[kind]()
    before = np.array(array)
    if door == "ToTensor" and array.ndim < 2:
        with pytest.raises(TypeError, match=r"ToTensor: wanted a tensor, or an array \(H, W\)"):
            enter(array)
        return
    if door == "load_state_dict" and array.dtype.kind in "iu":
        with pytest.raises(RuntimeError, match=r"weight: has numbers of type .+; wanted float32"):
            enter(array)
        return
    if door == "from_numpy" and not array.dtype.isnative:
        with pytest.raises(ValueError, match=r"from_numpy: the array is >.., .*newbyteorder\('='\)\), or tensor\("):
            enter(array)
        return
    result = enter(array)
    use(result, wanted(array))
    assert not np.shares_memory(result.array, array) or door in SHARED
    np.testing.assert_array_equal(np.asarray(array), before)


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("door", DOORS)
def test_what_is_refused_is_refused_at_the_door(door: str, kind: str) -> None:
    enter, _ = DOORS[door]
    with pytest.raises((TypeError, ValueError, RuntimeError), match=r"^\w+(\.\w+)?: |not supported; wanted"):
        enter(REFUSED[kind]())


@pytest.mark.parametrize(
    ("kind", "mend"),
    [
        (
            "complex",
            r"complex64 is not supported; wanted bool, .*: take array\.real, array\.imag or abs",
        ),
        ("object", r"array\.astype\(numpy\.float32\)"),
        ("text", r"array\.astype\(numpy\.float32\)"),
        ("structured", r"take one of its fields, array\['name'\]"),
        ("dates", "subtract a date"),
        ("float128", r"float(96|128) .*: convert it with array\.astype\(numpy\.float64\)"),
        ("masked", r"wanted values: array\.filled\(VALUE\)"),
    ],
)
def test_the_error_says_how_to_mend_it(kind: str, mend: str) -> None:
    for door in (tg.tensor, tg.from_numpy, tg.as_tensor):
        with pytest.raises(TypeError, match=f"^{door.__name__}: .*{mend}"):
            door(REFUSED[kind]())


@pytest.mark.parametrize("door", ["from_numpy", "as_tensor"])
def test_memory_is_shared_where_it_can_be(door: str) -> None:
    for kind, make in TAKEN.items():
        array = make()
        if array.size and array.dtype.isnative:
            assert np.shares_memory(DOORS[door][0](array).array, array), kind


def test_writing_to_an_array_that_is_read_only_is_refused_by_numpy() -> None:
    for kind in ("read-only", "repeated"):
        with pytest.raises(ValueError, match=r"add_: .*read-only"):
            tg.from_numpy(TAKEN[kind]()).add_(1)


@pytest.mark.parametrize("kind", ["masked", "complex", "structured"])
def test_a_state_with_an_array_that_is_refused_leaves_the_model_as_it_was(kind: str) -> None:
    model = nn.Linear(SIDE, SIDE)
    before = [p.tolist() for p in model.parameters()]
    with pytest.raises(RuntimeError, match=r"nothing was loaded\n  weight: has (masked entries|numbers of type)"):
        model.load_state_dict({"bias": np.zeros(SIDE), "weight": REFUSED[kind]()})
    assert [p.tolist() for p in model.parameters()] == before


@pytest.mark.parametrize("kind", [*REFUSED, "big-endian float32", "misaligned", "matrix"])
def test_a_drawing_may_be_any_array_of_numbers(kind: str) -> None:
    if kind in REFUSED:
        with pytest.raises(TypeError, match=r"^digit_from_drawing: (got an array with masked|.* is not supported)"):
            digit_from_drawing(REFUSED[kind]())
    else:
        np.testing.assert_array_equal(digit_from_drawing(TAKEN[kind]()), digit_from_drawing(VALUES))


@pytest.mark.parametrize("kind", [*TAKEN, *REFUSED])
def test_a_file_holds_what_it_was_given_or_nothing(tmp_path: Path, kind: str) -> None:
    array = {**TAKEN, **REFUSED}[kind]()
    if kind in REFUSED or kind in ("float16", "unsigned", "no dimensions"):
        with pytest.raises((ValueError, TypeError), match=f"^{tmp_path / 'array'}: "):
            write_idx(tmp_path / "array", array)
        assert not list(tmp_path.iterdir())
    else:
        use(through_idx(array, tmp_path), itself(array))


SQUARE = VALUES[:4, :4] + np.eye(4, dtype=np.float32)
OPERANDS: dict[str, Callable[[tg.Tensor, np.ndarray], tg.Tensor]] = {
    "matmul": lambda t, a: t @ a,
    "mul": lambda t, a: t * a,
    "mse_loss": nn.functional.mse_loss,
    "smooth_l1_loss": nn.functional.smooth_l1_loss,
    "huber_loss": nn.functional.huber_loss,
    "cross_entropy": nn.functional.cross_entropy,
    "cat": lambda t, a: tg.cat([t, a]),
    "where": lambda t, a: tg.where(a > 0.5, t, a),
    "masked_fill": lambda t, a: t.masked_fill(a > 0.5, 2.0),
    "getitem": lambda t, a: t[a > 0.5],
    "maximum": tg.maximum,
    "atan2": tg.atan2,
    "linear": lambda t, a: nn.functional.linear(t, a),
    "einsum": lambda t, a: tg.einsum("ij,jk", t, a),
}
ONE_TYPE = ["matmul", "linear", "einsum", "cross_entropy"]  # in which nothing is converted, as in PyTorch


@pytest.mark.parametrize(
    "kind", ["matrix", "masked nowhere", "misaligned", "read-only", "zero strides", "big-endian"]
)
@pytest.mark.parametrize("name", OPERANDS)
def test_an_array_beside_a_tensor_counts_as_its_numbers(name: str, kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        array = {
            "matrix": lambda: np.matrix(SQUARE),
            "masked nowhere": lambda: np.ma.array(SQUARE),
            "misaligned": lambda: np.frombuffer(b"x" + SQUARE.tobytes(), np.float32, offset=1).reshape(4, 4),
            "read-only": lambda: np.broadcast_to(SQUARE, (4, 4)),
            "zero strides": lambda: np.broadcast_to(SQUARE[0], (4, 4)),
            "big-endian": lambda: SQUARE.astype(">f4"),
        }[kind]()
    outcomes = []
    for operand in (array, np.array(array, np.float32)):
        leaf = tg.tensor(SQUARE, requires_grad=True)
        if operand is array and kind == "big-endian" and name in ONE_TYPE:
            with pytest.raises(TypeError, match=r">f4; wanted one type"):
                OPERANDS[name](leaf, operand)
            return
        result = OPERANDS[name](leaf, operand)
        assert type(result.array) is np.ndarray
        assert result.dtype == np.float32
        result.sum().backward()
        outcomes.append((result.detach().numpy(), leaf.grad.numpy()))
    for ours, plain in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(ours, plain)


@pytest.mark.parametrize("name", OPERANDS)
def test_an_array_with_masked_entries_is_no_operand(name: str) -> None:
    array = np.ma.array(SQUARE, mask=np.eye(4) > 0)
    with pytest.raises(
        (TypeError, ValueError, RuntimeError), match=r"masked entries; wanted values: array\.filled"
    ):
        OPERANDS[name](tg.tensor(SQUARE, requires_grad=True), array)
