"""An ONNX graph under construction: nodes, constants, and the types of what flows between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_cnn.onnx.walk import Batch, Ref, Uniform

FAR = 2**63 - 1  # as the end of a slice: the end of the dimension


class Graph:
    """Called with the name of an operator and its operands, it adds a node and returns what comes out of it.

    Operands are references, or constants, which become initializers.
    """

    def __init__(self, batch: Ref) -> None:
        from onnx import helper

        self._helper = helper
        self._batch = batch  # an input with the batch along its first dimension
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def __call__(self, operator: str, *operands: Any, dtype: Any = None, **attributes: Any) -> Ref:
        """Add a node. Its result is of the type of the first operand, if no other is given."""
        names = ["" if operand is None else self.ref(operand).name for operand in operands]
        kind = self.ref(operands[0]).dtype if dtype is None else np.dtype(dtype)
        name = f"/{operator}_{len(self.nodes)}"  # as no parameter is called
        self.nodes.append(self._helper.make_node(operator, names, [name], name, **attributes))
        return Ref(name, (), kind)

    def ref(self, value: Any) -> Ref:
        """Return a reference to a value, made an initializer if it is a constant."""
        if isinstance(value, Ref):
            return value
        if isinstance(value, Uniform):
            return self("Expand", value.value, self.shape(value.shape))
        array = np.asarray(value)
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._names:
            self._names[key] = f"/constant_{len(self._names)}"
            self.constants[self._names[key]] = array
        return Ref(self._names[key], array.shape, array.dtype)

    def cast(self, value: Any, dtype: Any) -> Ref:
        """Return a value in a type of numbers."""
        if isinstance(value, (Ref, Uniform)):
            ref = self.ref(value)
            if ref.dtype == dtype:
                return ref
            return self("Cast", ref, dtype=dtype, to=self._helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
        return self.ref(np.asarray(value).astype(dtype))

    def integers(self, values: Sequence[int]) -> Ref:
        """Return a vector of integers: axes, a shape, the ends of slices."""
        return self.ref(np.asarray(list(values), np.int64).reshape(-1))

    def shape(self, shape: Sequence[Any]) -> Ref:
        """Return a shape as a vector, computed from that of the batch where it depends on it."""
        if not any(isinstance(n, Batch) for n in shape):
            return self.integers(shape)
        whole = self("Shape", self._batch, dtype=np.int64)
        length = self("Slice", whole, self.integers([0]), self.integers([1]))
        parts = ((length, n.times) if isinstance(n, Batch) else (self.integers([n]), 1) for n in shape)
        return self("Concat", *(self("Mul", x, self.integers([k])) if k > 1 else x for x, k in parts), axis=0)
