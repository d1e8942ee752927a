"""The compiled loops of the rectified linear unit (ReLU)."""

from __future__ import annotations

from tinygrad_cnn.kernels.compiled.exports import BAND, exported
from tinygrad_cnn.kernels.compiled.simd import load, maximum, store, where_equal, zeros
from tinygrad_cnn.kernels.compiled.vectors import NARROW, WIDE


@exported(BAND)
def relu_band(plan, x, _, __, out, first, last, band):
    """Compute numbers first to last of the output."""
    while first + WIDE <= last:
        none = zeros(1, 1, WIDE)
        store(maximum(none, load(none, x, first, WIDE)), out, first, 0, WIDE)
        first += WIDE
    while first < last:
        some = zeros(1, 1, NARROW)
        store(maximum(some, load(some, x, first, last - first)), out, first, 0, last - first)
        first += NARROW


@exported(BAND)
def where_nonzero_band(plan, x, mask, _, out, first, last, band):
    """Compute numbers first to last of the output."""
    while first + WIDE <= last:
        none = zeros(1, 1, WIDE)
        kept = where_equal(load(none, mask, first, WIDE), none, none, load(none, x, first, WIDE))
        store(kept, out, first, 0, WIDE)
        first += WIDE
    while first < last:
        few, count = zeros(1, 1, NARROW), last - first
        kept = where_equal(load(few, mask, first, count), few, few, load(few, x, first, count))
        store(kept, out, first, 0, count)
        first += NARROW
