"""Which calls become records, and which records they become.

A lowering is given a section and a call. It has the call join the section, with a function that writes its records
for a block of samples, or returns False if the compiled loops are not made for it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from tinygrad_cnn.compiling.records.block import Block, Place, c_strides, memory_sizes
from tinygrad_cnn.compiling.records.section import Section, Sum
from tinygrad_cnn.kernels.compiled.batch_innermost import copy_rows
from tinygrad_cnn.kernels.compiled.conv import ConvPlan, conv_plan, correlate, correlate_weight
from tinygrad_cnn.kernels.compiled.matmul import multiply
from tinygrad_cnn.kernels.compiled.plans import (
    SEGMENT,
    CopyPlan,
    LinearPlan,
    LossPlan,
    MatmulPlan,
    StridedPlan,
    SumPlan,
    packed_size,
)
from tinygrad_cnn.kernels.compiled.pool import pool_plan, pool_rows, unpool_rows
from tinygrad_cnn.kernels.compiled.program import (
    add_parts,
    clear,
    copy_strided,
    cross_entropy,
    cross_entropy_input,
    linear,
    linear_weight,
)
from tinygrad_cnn.kernels.compiled.relu import relu_band, where_nonzero_band
from tinygrad_cnn.kernels.compiled.sums import sum_rows
from tinygrad_cnn.kernels.compiled.vectors import NARROW, WIDE
from tinygrad_cnn.kernels.geometry import Geometry
from tinygrad_cnn.kernels.thresholds import MATMUL_COMPILED_BELOW
from tinygrad_cnn.tape.capture import Instruction, Ref

Lowering = Callable[[Section, Instruction], bool]

LOWERINGS: dict[tuple[str, str], Lowering] = {}
"""By the kind and name of a call."""

MOST_CLASSES = 64
"""Of the loss, whose loop computes one exponential after the other."""

NO_PLAN = (0,)


def lowers(kind: str, name: str) -> Callable[[Lowering], Lowering]:
    """Register how calls of a kind and name are lowered."""

    def register(lowering: Lowering) -> Lowering:
        LOWERINGS[kind, name] = lowering
        return lowering

    return register


# --- relu ---


@lowers("forward", "relu")
def _relu(section: Section, call: Instruction) -> bool:
    (x,), (out,) = call.inputs, call.outputs
    if not section.are_samples(x):
        return False

    def emit(block: Block) -> None:
        read = block.place(x)
        block.record(relu_band, NO_PLAN, read, out=block.new(out), last=block.size(out))

    section.join(call, emit, [x], [], None)
    return True


@lowers("derivative", "relu.input")
def _relu_input(section: Section, call: Instruction) -> bool:
    (g, result), (out,) = call.inputs, call.outputs
    if not section.are_samples(g, result):
        return False

    def emit(block: Block) -> None:
        grads, mask = block.place(g), block.place(result)
        block.record(where_nonzero_band, NO_PLAN, grads, mask, out=block.new(out), last=block.size(out))

    section.join(call, emit, [g, result], [], None)
    return True


# --- shapes ---


@lowers("forward", "reshape")
@lowers("derivative", "reshape.input")
def _reshape(section: Section, call: Instruction) -> bool:
    """Samples (N, C, H, W) become (N, C H W), or the other way round."""
    x, (out,) = call.inputs[0], call.outputs
    if not section.are_samples(x, out) or {len(section.shape(ref)) for ref in (x, out)} != {2, 4}:
        return False

    def emit(block: Block) -> None:
        images = x if len(block.shape(x)) == 4 else out
        height, channels, width, n = memory_sizes(block.shape(images))
        sizes = channels, height, width, n
        by_rows = width * n, channels * width * n, n, 1  # (H, C, W, N) seen as (C, H, W, N)
        read, written = (by_rows, c_strides(sizes)) if images == x else (c_strides(sizes), by_rows)
        place = block.place(x)
        block.record(copy_strided, StridedPlan(sizes, read, written).words(), place, out=block.new(out), last=1)

    section.join(call, emit, [x], [], None)
    return True


# --- pooling ---


@lowers("forward", "max_pool2d")
def _max_pool2d(section: Section, call: Instruction) -> bool:
    (x,), (out,), window = call.inputs, call.outputs, call.constants["window"]
    if not section.are_samples(x) or pool_plan(section.shape(x), window) is None:
        return False

    def emit(block: Block) -> None:
        plan = pool_plan(block.shape(x), window)
        assert plan is not None
        read = block.place(x)
        block.record(pool_rows, plan.loop, read, out=block.new(out), last=plan.shape[0])

    section.join(call, emit, [x], [], None)
    return True


@lowers("derivative", "max_pool2d.input")
def _max_unpool2d(section: Section, call: Instruction) -> bool:
    (g, x, largest, window), (out,) = call.inputs, call.outputs
    if not section.are_samples(g, x, largest):
        return False
    whole = pool_plan(section.shape(x), window)
    if whole is None or whole.overlaps:
        return False
    covers = whole.covers

    def emit(block: Block) -> None:
        plan = pool_plan(block.shape(x), window)
        assert plan is not None
        read, place = [block.place(ref) for ref in (g, x, largest)], block.new(out)
        if not covers:
            block.record(clear, NO_PLAN, out=place, last=block.size(out))
        block.record(unpool_rows, plan.loop, *read, out=place, last=plan.shape[0])

    section.join(call, emit, [g, x, largest], [], None)
    return True


# --- linear layers ---


def _are_rows(section: Section, weight: Ref, *samples: Any) -> bool:
    """Return whether a linear layer is of samples that are rows, and not so large that BLAS is faster."""
    are_rows = section.are_samples(*samples) and all(len(section.shape(ref)) == 2 for ref in samples)
    return are_rows and prod(section.shape(weight)) < MATMUL_COMPILED_BELOW * WIDE


@lowers("forward", "linear")
def _linear(section: Section, call: Instruction) -> bool:
    (x, weight, bias), (out,) = call.inputs, call.outputs
    if not (section.are_shared(weight, bias) and _are_rows(section, weight, x)):
        return False
    outputs, inputs = section.shape(weight)

    def emit(block: Block) -> None:
        plan = LinearPlan(inputs, block.samples, inputs, 0)
        read = block.place(x)
        added = block.zeros(outputs) if bias is None else block.shared(bias)
        block.record(linear, plan, block.shared(weight), read, added, out=block.new(out), last=outputs)

    section.join(call, emit, [x], [weight, bias], None, outputs * inputs)
    return True


@lowers("derivative", "linear.input")
def _linear_input(section: Section, call: Instruction) -> bool:
    (g, weight), (out,) = call.inputs, call.outputs
    if not (section.are_shared(weight) and _are_rows(section, weight, g)):
        return False
    outputs, inputs = section.shape(weight)

    def emit(block: Block) -> None:
        plan = MatmulPlan(outputs, block.samples, 1, inputs, 0)
        read = block.place(g)
        block.record(multiply, plan, block.shared(weight), read, out=block.new(out), last=inputs)

    section.join(call, emit, [g], [weight], None, outputs * inputs)
    return True


@lowers("derivative", "linear.weight")
def _linear_weight(section: Section, call: Instruction) -> bool:
    (g, x), (out,) = call.inputs, call.outputs
    if not _are_rows(section, out, g, x):
        return False
    outputs, inputs = section.shape(out)

    def emit(block: Block) -> None:
        n = block.samples
        read = block.place(g), block.place(x), block.temporary(packed_size(n))
        total, is_first = block.sum(out)
        block.record(linear_weight, LinearPlan(n, inputs, n, not is_first), *read, out=total, last=outputs)

    section.join(call, emit, [g, x], [], Sum((1, 1, 1, outputs * inputs), needs_zeros=False), outputs * inputs)
    return True


@lowers("derivative", "linear.bias")
@lowers("derivative", "conv2d.bias")
def _bias(section: Section, call: Instruction) -> bool:
    g, (out,) = call.inputs[0], call.outputs
    if not section.are_samples(g):
        return False
    channels = section.shape(g)[1]

    def emit(block: Block) -> None:
        height, _, width, n = memory_sizes(block.shape(g))
        segments = -(-width * n // SEGMENT)
        read, (total, _) = block.place(g), block.sum(out)
        rows = block.temporary(height * segments * channels)
        block.record(clear, NO_PLAN, out=rows, last=height * segments * channels)
        plan = SumPlan(channels, width * n, segments)
        block.record(sum_rows, plan, read, block.one(), out=rows, last=height)
        strides = c_strides((1, 1, 1, channels))
        table = StridedPlan((1, 1, 1, channels), strides, strides, height * segments, channels)
        block.record(add_parts, table.words(), rows, out=total, last=1)

    section.join(call, emit, [g], [], Sum((1, 1, 1, channels)))
    return True


# --- convolution ---


def _image(block: Block, ref: Ref, plan: ConvPlan) -> Place:
    """Return samples with the padding columns that a plan wants."""
    height, channels, width, n = memory_sizes(block.shape(ref))
    place = block.place(ref)
    if (plan.left, plan.columns) == (0, width):
        return place
    padded = block.temporary(height * channels * plan.columns * n)
    copy = CopyPlan(channels, width, n, channels * width * n, width * n, n, 1, plan.left, plan.columns)
    block.record(copy_rows, copy, place, out=padded, last=height)
    return padded


@lowers("forward", "conv2d")
def _conv2d(section: Section, call: Instruction) -> bool:
    (x, weight, bias), (out,) = call.inputs, call.outputs
    geometry: Geometry = call.constants["geometry"]
    if not (section.are_samples(x) and section.are_shared(weight, bias)):
        return False
    outputs, channels, kh, kw = section.shape(weight)
    own, taps = outputs // geometry.groups, kh * kw
    table = StridedPlan(  # (KH, C, KW, O) from (O, C, KH, KW)
        (kh, channels, kw, own), (kw, taps, 1, channels * taps), c_strides((kh, channels, kw, own))
    )

    def emit(block: Block) -> None:
        plan = conv_plan(block.shape(x), outputs, (kh, kw), geometry, None, block.samples < NARROW)
        kernels = block.prepared(weight, table, geometry.groups)
        added = block.zeros(outputs) if bias is None else block.shared(bias)
        image = _image(block, x, plan)
        block.record(correlate, plan.loop, image, kernels, added, out=block.new(out), last=plan.rows)

    section.join(call, emit, [x], [weight, bias], None, section.size(out) * channels * taps)
    return True


@lowers("derivative", "conv2d.input")
def _conv2d_input(section: Section, call: Instruction) -> bool:
    (g, weight, size, geometry), (out,) = call.inputs, call.outputs
    if not (section.are_samples(g) and section.are_shared(weight)) or geometry.stride != (1, 1):
        return False
    outputs, channels, kh, kw = section.shape(weight)
    (ph, pw), (dh, dw), groups = geometry.padding, geometry.dilation, geometry.groups
    around = geometry._replace(padding=(dh * (kh - 1) - ph, dw * (kw - 1) - pw))
    own, taps = outputs // groups, kh * kw
    flipped = StridedPlan(  # (KH, O, KW, C), kernels flipped, from (O, C, KH, KW)
        (kh, own, kw, channels), (-kw, channels * taps, -1, taps), c_strides((kh, own, kw, channels))
    )

    def emit(block: Block) -> None:
        inputs = channels * groups
        plan = conv_plan(block.shape(g), inputs, (kh, kw), around, tuple(size[2:]), block.samples < NARROW)
        kernels = block.prepared(weight, flipped, groups, taps - 1)
        image = _image(block, g, plan)
        block.record(correlate, plan.loop, image, kernels, block.zeros(inputs), out=block.new(out), last=plan.rows)

    section.join(call, emit, [g], [weight], None, section.size(out) * own * taps)
    return True


@lowers("derivative", "conv2d.weight")
def _conv2d_weight(section: Section, call: Instruction) -> bool:
    (g, x, _, geometry), (out,) = call.inputs, call.outputs
    if not section.are_samples(g, x):
        return False
    outputs, channels, kh, kw = section.shape(out)
    table = Sum((outputs, channels, kh, kw), (kh * channels * kw, kw, channels * kw, 1))

    def emit(block: Block) -> None:
        plan = conv_plan(block.shape(x), outputs, (kh, kw), geometry)
        grads, image, (total, _) = block.place(g), _image(block, x, plan), block.sum(out)
        block.record(correlate_weight, plan.loop, grads, image, out=total, last=plan.rows)

    section.join(call, emit, [g, x], [], table, section.size(g) * channels * kh * kw)
    return True


# --- the loss ---


@lowers("forward", "class_cross_entropy")
def _cross_entropy(section: Section, call: Instruction) -> bool:
    (logits, target), (out,), divisor = call.inputs, call.outputs, call.constants["divisor"]
    if not _is_loss(section, logits, target):
        return False

    def emit(block: Block) -> None:
        plan, (total, _) = LossPlan(section.shape(logits)[1], block.samples, divisor), block.sum(out)
        block.record(cross_entropy, plan, block.words(target), block.place(logits), out=total, last=block.samples)

    section.join(call, emit, [logits], [target], Sum((1, 1, 1, 1)))
    return True


@lowers("derivative", "class_cross_entropy.input")
def _cross_entropy_input(section: Section, call: Instruction) -> bool:
    (g, logits, target, divisor), (out,) = call.inputs, call.outputs
    if not (_is_loss(section, logits, target) and section.are_shared(g)):
        return False

    def emit(block: Block) -> None:
        plan = LossPlan(section.shape(logits)[1], block.samples, divisor)
        read = block.words(target), block.place(logits), block.shared(g)
        block.record(cross_entropy_input, plan, *read, out=block.new(out), last=block.samples)

    section.join(call, emit, [logits], [g, target], None)
    return True


def _is_loss(section: Section, logits: Any, target: Any) -> bool:
    is_matrix = section.are_samples(logits) and len(section.shape(logits)) == 2
    return is_matrix and section.shape(logits)[1] <= MOST_CLASSES and section.are_targets(target)
