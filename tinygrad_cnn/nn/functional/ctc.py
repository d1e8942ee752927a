"""The loss of connectionist temporal classification (CTC): labels in order, without their times."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn import ops
from tinygrad_cnn.ops.arguments import array_of, want_float
from tinygrad_cnn.ops.broadcast import half_in_float32
from tinygrad_cnn.ops.loss import REDUCTIONS, reduced
from tinygrad_cnn.ops.padding import pad
from tinygrad_cnn.tape.mistakes import explain_calls
from tinygrad_cnn.tensor import Tensor

__all__ = ["ctc_loss"]

NEVER = -1e30  # the logarithm of a probability of 0: finite, so that differences of two of them are numbers


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Return minus the log-probability of the labels, summed over all times at which they may stand.

    Shapes: log_probs (T, N, C), targets (N, S), or all of them in a row, lengths (N,); without N for one sequence.
    Between labels there may be blanks, and a label may last for several steps; the same label twice needs a blank
    between. "mean" divides each loss by the number of labels first. Labels for which the input is too short have an
    infinite loss, or 0 with ``zero_infinity``. (Graves et al., "Connectionist temporal classification", 2006.)

    >>> import tinygrad_cnn as tg
    >>> even = tg.log_softmax(tg.zeros(2, 1, 2), dim=2)
    >>> tg.nn.functional.ctc_loss(even, tg.tensor([[1]]), [2], [1])  # 3 of 4 ways: 1 1, blank 1, 1 blank
    tensor(0.2877)
    """
    if log_probs.ndim == 2:
        losses = _losses(ops.unsqueeze(log_probs, 1), targets, [input_lengths], [target_lengths], blank)
        losses, counts = losses[0], np.ravel(array_of(target_lengths))[0]
    else:
        losses, counts = _losses(log_probs, targets, input_lengths, target_lengths, blank), array_of(target_lengths)
    impossible = losses > -NEVER / 10
    losses = ops.masked_fill(losses, impossible, 0.0 if zero_infinity else np.inf)
    if reduction == "mean":
        losses = losses / np.maximum(counts, 1).astype(losses.dtype)
    if reduction not in REDUCTIONS:
        raise ValueError(f"ctc_loss: reduction {reduction!r} is unknown; wanted one of {', '.join(REDUCTIONS)}")
    return reduced("ctc_loss", losses, reduction)


@half_in_float32
def _losses(log_probs: Tensor, targets: Any, input_lengths: Any, target_lengths: Any, blank: int) -> Tensor:
    """Return the loss of each sequence, by the forward algorithm over labels with blanks around each."""
    want_float("ctc_loss", log_probs)
    if log_probs.ndim != 3:
        raise ValueError(f"ctc_loss: log_probs has shape {log_probs.shape}; wanted (T, N, C) or (T, C)")
    steps, batch, classes = log_probs.shape
    lengths = _lengths("input_lengths", input_lengths, batch, steps)
    counts = _lengths("target_lengths", target_lengths, batch, None)
    labels = _with_blanks(np.asarray(array_of(targets)), counts, blank, classes)
    skips = np.zeros(labels.shape, bool)  # from the label before last, over a blank
    skips[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    index = np.broadcast_to(labels, (steps, *labels.shape))
    emitted = ops.unbind(ops.gather(log_probs, 2, np.ascontiguousarray(index)))
    first = np.arange(labels.shape[1]) > (counts > 0)[:, None]
    alpha = ops.masked_fill(emitted[0], first, NEVER)
    for t in range(1, steps):
        ways = [alpha, _later(alpha, 1), ops.masked_fill(_later(alpha, 2), ~skips, NEVER)]
        ahead = ops.clamp(ops.logsumexp(ops.stack(ways), 0) + emitted[t], min=NEVER)
        alpha = ops.where((t < lengths)[:, None], ahead, alpha)
    ends = np.stack([2 * counts, np.maximum(2 * counts - 1, 0)], 1)
    last = ops.masked_fill(ops.gather(alpha, 1, ends), np.stack([counts < 0, counts == 0], 1), NEVER)
    return -ops.logsumexp(last, 1)


def _later(alpha: Any, by: int) -> Any:
    """Return log-probabilities moved by some labels."""
    moved = pad(alpha, (by, 0), value=NEVER)
    return moved[:, : alpha.shape[1]]


def _lengths(name: str, given: Any, batch: int, most: int | None) -> Any:
    lengths = np.asarray([np.ravel(array_of(n))[0] for n in given]) if isinstance(given, list | tuple) else given
    lengths = np.asarray(array_of(lengths))
    if lengths.shape != (batch,) or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"ctc_loss: {name} has shape {lengths.shape} of {lengths.dtype}; wanted {batch} whole numbers"
        )
    if batch and (lengths.min() < 0 or (most is not None and lengths.max() > most)):
        raise ValueError(f"ctc_loss: {name} are {lengths.tolist()}; wanted 0 to {most or 'the length of targets'}")
    return lengths.astype(np.int64)


def _with_blanks(targets: Any, counts: Any, blank: int, classes: int) -> Any:
    """Return the labels (N, 2 S + 1) with a blank before, between and after."""
    batch, longest = len(counts), max(counts, default=0)
    if not 0 <= blank < classes:
        raise ValueError(f"ctc_loss: blank is {blank}; wanted one of {classes} classes")
    if targets.dtype.kind not in "iu":
        raise TypeError(f"ctc_loss: wanted whole numbers as targets, got {targets.dtype}")
    if targets.ndim == 1 and len(targets) == counts.sum():
        rows = np.split(targets, np.cumsum(counts)[:-1])
    elif targets.ndim == 2 and len(targets) == batch and targets.shape[1] >= longest:
        rows = [row[:n] for row, n in zip(targets, counts, strict=True)]
    else:
        raise ValueError(
            f"ctc_loss: targets have shape {targets.shape}; wanted ({batch}, S) with S at least {longest}, or all "
            f"{counts.sum()} labels in a row"
        )
    labels = np.full((batch, 2 * longest + 1), blank)
    for row, given in zip(labels, rows, strict=True):
        row[1 : 2 * len(given) : 2] = given
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise IndexError(f"ctc_loss: a target is not one of {classes} classes")
    return labels


explain_calls(globals())
