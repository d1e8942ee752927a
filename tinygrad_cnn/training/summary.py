"""What a model is made of: its layers, their output shapes, parameters and multiply-adds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from tinygrad_cnn import creation
from tinygrad_cnn.models.lenet5 import PartialConv2d
from tinygrad_cnn.nn import Conv2d, Linear, Module
from tinygrad_cnn.tensor import Tensor
from tinygrad_cnn.training.observe import observe


class Row(NamedTuple):
    """One call of a layer, for one sample."""

    name: str
    kind: str
    output_shape: tuple[int, ...] | None  # without the batch; None if the output is not a tensor
    parameters: int  # 0 where they were counted in a row above
    multiply_adds: int  # of convolutions and Linear, biases not counted; 0 for any other kind


@dataclass(frozen=True)
class Summary:
    """The layers of a model in the order of their calls, and its totals; ``str()`` of it is a table."""

    model: str
    input_size: tuple[int, ...]
    rows: tuple[Row, ...]
    parameters: int
    trainable: int

    @property
    def multiply_adds(self) -> int:
        """Those of all rows."""
        return sum(row.multiply_adds for row in self.rows)

    def __str__(self) -> str:
        head = ("layer", "kind", "output shape", "parameters", "multiply-adds")
        body = [
            (row.name, row.kind, shape_text(row.output_shape), f"{row.parameters:,}", f"{row.multiply_adds:,}")
            for row in self.rows
        ]
        total = ("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}")
        widths = [max(map(len, column)) for column in zip(head, *body, total, strict=True)]
        rule = "-" * (sum(widths) + 3 * (len(widths) - 1))

        def line(cells: Iterable[str]) -> str:
            left, right = str.ljust, str.rjust
            turned = zip((left, left, left, right, right), cells, widths, strict=True)
            return "   ".join(align(cell, width) for align, cell, width in turned).rstrip()

        title = f"{self.model}, one input of {shape_text(self.input_size)}"
        frozen = self.parameters - self.trainable
        note = [f"{frozen:,} of the parameters are not trained"] if frozen else []
        return "\n".join([title, rule, line(head), rule, *map(line, body), rule, line(total), *note])


def summary(model: Module, input_size: Iterable[int]) -> Summary:
    """Run the model once on zeros, and return what its layers are; ``input_size`` is that of one sample.

    What stands between the layers (`F.relu`, `F.max_pool2d`) is not seen. Parameters are each counted once, also
    those of layers that were not called, which have no row. The model is left as it was.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.training.summary import summary
    >>> print(summary(tg.nn.Sequential(tg.nn.Linear(3, 2), tg.nn.ReLU()), (3,)))
    Sequential, one input of 3
    ----------------------------------------------------------
    layer   kind     output shape   parameters   multiply-adds
    ----------------------------------------------------------
    0       Linear   2                       8               6
    1       ReLU     2                       0               0
    ----------------------------------------------------------
    total                                    8               6
    """
    size = tuple(input_size)
    parameters = list(model.parameters())
    dtype = parameters[0].dtype if parameters else None
    seen: set[int] = set()
    rows = []
    for name, module, output in observe(model, creation.zeros(1, *size, dtype=dtype)):
        own = {id(p): p.array.size for p in module.parameters(recurse=False)}
        fresh = sum(count for key, count in own.items() if key not in seen)
        seen |= own.keys()
        shape = output.shape[1:] if isinstance(output, Tensor) else None
        kind = type(module).__name__
        rows.append(Row(name or kind, kind, shape, fresh, _multiply_adds(module, output)))
    trainable = sum(p.array.size for p in parameters if p.requires_grad)
    return Summary(type(model).__name__, size, tuple(rows), sum(p.array.size for p in parameters), trainable)


def shape_text(shape: tuple[int, ...] | None) -> str:
    """Return a shape as people write it: 6 x 24 x 24."""
    return "?" if shape is None else " x ".join(map(str, shape))


def _multiply_adds(module: Module, output: Any) -> int:
    """Each weight is used once for each place of the output: (N, O, H, W), or (N, ..., O) of Linear."""
    if not isinstance(module, (Conv2d, PartialConv2d, Linear)):
        return 0
    places = output.shape[1:-1] if isinstance(module, Linear) else output.shape[2:]
    return int(module.weight.numel() * prod(places))
