"""An ONNX graph under construction: nodes, constants, and the types of what flows between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.onnx.batch import Batch, Ramp, Ref, Uniform

FAR = 2**63 - 1  # as the end of a slice: the end of the dimension


class Graph:
    """Called with the name of an operator and its operands, it adds a node and returns what comes out of it.

    Operands are references, or constants, which become initializers. What follows from the length of the batch is
    computed from the shape of an input.
    """

    def __init__(self, batch: Ref, opset: int) -> None:
        from onnx import helper

        self._helper = helper
        self._batch = batch  # an input with the batch along its first dimension
        self._opset = opset
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self._names: dict[Any, str] = {}
        self._length: Ref | None = None

    def __call__(self, operator: str, *operands: Any, dtype: Any = None, output: int = 0, **attributes: Any) -> Ref:
        """Add a node, and return an output, of the type of the first operand if no other is given."""
        for value in attributes.values():
            if isinstance(value, Batch) or (isinstance(value, (tuple, list)) and any(map(_is_batch, value))):
                raise ValueError("with the length of the batch where a file has a number")
        names = ["" if operand is None else self.ref(operand).name for operand in operands]
        kind = self.ref(operands[0]).dtype if dtype is None else np.dtype(dtype)
        name = f"/{operator}_{len(self.nodes)}"  # as no parameter is called
        unused = [f"{name}_{i}" for i in range(output)]
        self.nodes.append(self._helper.make_node(operator, names, [*unused, name], name, **attributes))
        return Ref(name, (), kind)

    def ref(self, value: Any) -> Ref:
        """Return a reference to a value, made an initializer if it is a constant."""
        if isinstance(value, Ref):
            return value
        if isinstance(value, Batch):
            return self._number(value, np.dtype(np.int64))
        if isinstance(value, Uniform):
            return self("Expand", self.cast(value.value, value.dtype), self.integers(value.shape))
        if isinstance(value, Ramp):
            return self._ramp(value)
        array = np.asarray(value)
        if array.dtype == object:
            raise ValueError("with the length of the batch among its numbers")
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._names:
            self._names[key] = f"/constant_{len(self._names)}"
            self.constants[self._names[key]] = array
        return Ref(self._names[key], array.shape, array.dtype)

    def cast(self, value: Any, dtype: Any) -> Ref:
        """Return a value in a type of numbers."""
        if isinstance(value, Batch):
            return self._number(value, np.dtype(dtype))
        if isinstance(value, (Ref, Uniform, Ramp)):
            ref = self.ref(value)
            if ref.dtype == dtype:
                return ref
            return self("Cast", ref, dtype=dtype, to=self._helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
        return self.ref(np.asarray(value).astype(dtype))

    def integers(self, values: Sequence[Any]) -> Ref:
        """Return a vector of integers: axes, a shape, the ends of slices."""
        if not any(map(_is_batch, values)):
            return self.ref(np.asarray(list(values), np.int64).reshape(-1))
        parts = (self._vector(n) if isinstance(n, Batch) else self.integers([n]) for n in values)
        return self("Concat", *parts, axis=0)

    def reduce(self, operator: str, input: Any, dim: Sequence[int], keepdim: bool = True) -> Ref:
        """Add a reduction over dimensions; over none, return the input."""
        if not dim:
            return self.ref(input)
        if self._opset < 18 and operator != "ReduceSum":
            return self(operator, input, axes=list(dim), keepdims=int(keepdim))
        return self(operator, input, self.integers(dim), keepdims=int(keepdim))

    # --- the length of the batch ---

    def _vector(self, number: Batch) -> Ref:
        """Return an integer that follows from the length of the batch, as a vector of one."""
        if not isinstance(number.times, int) or not isinstance(number.plus, int):
            raise ValueError(f"with {number.formula('N')}, which is no integer, as a length")
        if self._length is None:
            whole = self("Shape", self._batch, dtype=np.int64)
            self._length = self("Slice", whole, self.integers([0]), self.integers([1]))
        out = self._length if number.times == 1 else self("Mul", self._length, self.integers([number.times]))
        return self("Add", out, self.integers([number.plus])) if number.plus else out

    def _number(self, number: Batch, dtype: np.dtype[Any]) -> Ref:
        """Return a number that follows from the length of the batch, without dimensions."""
        if isinstance(number.times, int) and isinstance(number.plus, int):
            return self.cast(self("Squeeze", self._vector(number), self.integers([0])), dtype)
        out = self("Mul", self._number(Batch(1), dtype), self.cast(number.times, dtype))
        return self("Add", out, self.cast(number.plus, dtype)) if number.plus else out

    def _ramp(self, ramp: Ramp) -> Ref:
        places = self("Range", self.cast(0, np.int64), self.ref(ramp.length), self.cast(1, np.int64))
        scaled = self("Mul", self.cast(places, ramp.dtype), self.cast(ramp.step, ramp.dtype))
        return self("Reshape", self("Add", scaled, self.cast(ramp.start, ramp.dtype)), self.integers(ramp.shape))


def _is_batch(value: Any) -> bool:
    return isinstance(value, Batch)
