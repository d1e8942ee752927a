"""What compiled loops need to know: a *plan* is a named tuple of integers, which they read from memory."""

from __future__ import annotations

from typing import NamedTuple

from tinygrad_cnn.kernels.compiled.vectors import NARROW, WIDE
from tinygrad_cnn.kernels.thresholds import SUMMED_PLAINLY_UP_TO


class CopyPlan(NamedTuple):
    """What the loop needs to know: shapes, and the input's strides in elements."""

    channels: int
    width: int
    batch: int
    to_row: int
    to_channel: int
    to_column: int
    to_sample: int
    left: int  # columns of zeros before the input; if negative, columns left out
    columns: int  # of the output


class ConvLoopPlan(NamedTuple):
    """How the loops of a convolution move through memory, in elements.

    A row of the output is ``segments`` of ``length`` numbers: either the whole row, of an input with padding
    columns if windows reach there; or one segment a column, without padding, where taps outside the input are
    skipped.
    """

    groups: int
    channels: int  # in a group, as are the outputs
    outputs: int
    rows: int  # of the kernel
    columns: int
    height: int  # of the input
    width: int
    top: int  # padding: how many rows above the input the first window begins
    left: int
    down: int  # the stride of windows
    across: int
    row_dilation: int
    column_dilation: int
    batch: int
    to_row: int  # strides of the input in elements
    to_channel: int
    to_output: int  # a stride of the output or its gradient
    segments: int
    length: int
    block: int  # channels whose terms are added up before they are added to the output
    blocks: int  # whether there are several


class MatmulPlan(NamedTuple):
    """How the loops of a product move through memory, in elements."""

    terms: int  # of each sum
    columns: int  # of the second matrix and of the product, which is in C order
    to_row: int  # of the first matrix
    to_term: int
    across: int  # whether the second matrix is in Fortran order, and so must be packed


def packed_size(terms: int) -> int:
    """Return how many numbers `_pack` writes at most."""
    return (terms + NARROW - 1) // NARROW * NARROW * WIDE


class PoolLoopPlan(NamedTuple):
    """The shapes of the input, the output and a window, and the window's stride."""

    channels: int
    width: int
    batch: int
    columns: int  # of the output
    kernel_height: int
    kernel_width: int
    down: int  # the stride of windows
    across: int


class ResamplePlan(NamedTuple):
    """The shape of the images, and the columns of the result."""

    channels: int
    height: int
    width: int
    batch: int
    columns: int


SEGMENT = SUMMED_PLAINLY_UP_TO * WIDE
"""Elements that are added at once: no lane of a SIMD vector then adds more than a block of them."""


class SumPlan(NamedTuple):
    """The shape: a row of a channel is ``length`` contiguous numbers, in ``segments``."""

    channels: int
    length: int
    segments: int


class LinearPlan(NamedTuple):
    """How the loops of a linear layer, and of its weight's gradient, move through memory, in elements."""

    terms: int  # of each sum
    columns: int  # of the second matrix and of the product
    to_row: int  # of the first matrix
    adds: int  # whether the gradient is added to what is there


class LossPlan(NamedTuple):
    """The shape of the logits, which lie as (classes, samples), and what the sum of the losses is divided by."""

    classes: int
    samples: int
    divisor: int


class StridedPlan(NamedTuple):
    """A table of four dimensions, and the strides in elements of what is read and written."""

    sizes: tuple[int, int, int, int]
    read: tuple[int, int, int, int]
    written: tuple[int, int, int, int]
    parts: int = 1  # tables that are added up
    apart: int = 0  # from one table to the next

    def words(self) -> tuple[int, ...]:
        """Return the plan as a record has it."""
        return (*self.sizes, *self.read, *self.written, self.parts, self.apart)


class StridedNumbers(NamedTuple):
    """The words of a `StridedPlan`, each by a name."""

    a: int
    b: int
    c: int
    d: int
    read_a: int
    read_b: int
    read_c: int
    read_d: int
    written_a: int
    written_b: int
    written_c: int
    written_d: int
    parts: int
    apart: int


RECORD = 14
"""Words of a record: a function, five pairs (a plan, three inputs and an output), first row, last row and band."""
