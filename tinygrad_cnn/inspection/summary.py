"""summary: the layers of a model, with output shapes, parameters and multiply-adds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tinygrad_cnn import creation
from tinygrad_cnn.inspection.observe import observe
from tinygrad_cnn.inspection.text import table
from tinygrad_cnn.nn import Module
from tinygrad_cnn.tensor import Tensor


class Row(NamedTuple):
    """One call of a layer, for one sample."""

    name: str
    kind: str
    output_shape: tuple[int, ...] | None  # without the batch; None if the output is not a tensor
    parameters: int  # 0 if an earlier row has counted them
    multiply_adds: int  # of convolutions and matrix products, without biases


@dataclass(frozen=True, repr=False)
class Summary:
    """The layers of a model in the order of their calls, and totals; ``str()`` is a table."""

    model: str
    input_sizes: tuple[tuple[int, ...], ...]
    rows: tuple[Row, ...]
    parameters: int
    trainable: int

    @property
    def multiply_adds(self) -> int:
        """The multiply-adds of all rows."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def input_size(self) -> tuple[int, ...]:
        """The size of the first input."""
        return self.input_sizes[0]

    def __str__(self) -> str:
        head = ("layer", "kind", "output shape", "parameters", "multiply-adds")
        body = [
            (row.name, row.kind, shape_text(row.output_shape), f"{row.parameters:,}", f"{row.multiply_adds:,}")
            for row in self.rows
        ]
        total = ("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}")
        title = f"{self.model}, one input of {' and one of '.join(map(shape_text, self.input_sizes))}"
        frozen = self.parameters - self.trainable
        note = [f"{frozen:,} of the parameters are not trained"] if frozen else []
        return "\n".join([title, table(head, body, total, left=3), *note])

    __repr__ = __str__


def summary(model: Module, input_size: Iterable[int] | Iterable[Iterable[int]], *, dtype: Any = None) -> Summary:
    """Run a module once on zeros, and return its layers; ``input_size`` is the size of one sample.

    A module with several inputs takes a size for each. The zeros have the type of the parameters, or ``dtype``: an
    `Embedding` needs int64. Functions between the layers (`F.relu`, `F.max_pool2d`) have no row. Each parameter is
    counted once, in the total also those of layers that were not called. The model is not changed.

    >>> import tinygrad_cnn as tg
    >>> print(tg.summary(tg.nn.Sequential(tg.nn.Linear(3, 2), tg.nn.ReLU()), (3,)))
    Sequential, one input of 3
    ----------------------------------------------------------
    layer   kind     output shape   parameters   multiply-adds
    ----------------------------------------------------------
    0       Linear   2                       8               6
    1       ReLU     2                       0               0
    ----------------------------------------------------------
    total                                    8               6
    """
    given: tuple[Any, ...] = tuple(input_size)
    sizes = tuple(map(tuple, given)) if given and isinstance(given[0], Iterable) else (given,)
    parameters = list(model.parameters())
    if dtype is None and parameters:
        dtype = parameters[0].dtype
    seen: set[int] = set()
    rows = []
    inputs = [creation.zeros(1, *size, dtype=dtype) for size in sizes]
    for name, module, output, multiply_adds in observe(model, *inputs):
        own = {id(p): p.array.size for p in module.parameters(recurse=False)}
        fresh = sum(count for key, count in own.items() if key not in seen)
        seen |= own.keys()
        shape = output.shape[1:] if isinstance(output, Tensor) else None
        kind = type(module).__name__
        rows.append(Row(name or kind, kind, shape, fresh, multiply_adds))
    trainable = sum(p.array.size for p in parameters if p.requires_grad)
    return Summary(type(model).__name__, sizes, tuple(rows), sum(p.array.size for p in parameters), trainable)


def shape_text(shape: tuple[int, ...] | None) -> str:
    """Return a shape as text: 6 x 24 x 24."""
    return "?" if shape is None else " x ".join(map(str, shape))
