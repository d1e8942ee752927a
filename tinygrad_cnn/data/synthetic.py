"""Synthetic digits: data for training on a machine that has neither MNIST nor a network.

A digit is strokes through control points. These are moved a little, joined by smooth curves, and distorted by a
random affine map; a pixel is as bright as it is near to the nearest piece of a curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from tinygrad_cnn.data.images import Images, Transform
from tinygrad_cnn.data.mnist import MNIST
from tinygrad_cnn.typing import Array

Stroke = Sequence[tuple[int, int]]

# For each digit some styles; a style is strokes; a stroke is points that a smooth curve goes through, closed if it
# ends where it begins. In pixels from the centre, x to the right and y down. Strokes that share a point meet there.
STYLES: dict[int, tuple[tuple[Stroke, ...], ...]] = {
    0: (
        ([(0, -9), (5, -6), (6, 0), (5, 6), (0, 9), (-5, 6), (-6, 0), (-5, -6), (0, -9)],),
        ([(2, -9), (-3, -6), (-5, 1), (-3, 8), (2, 8), (5, 2), (5, -5), (2, -9)],),
        ([(1, -9), (-4, -6), (-6, 1), (-3, 8), (2, 8), (6, 2), (5, -5), (0, -8), (-3, -7)],),
    ),
    1: (
        ([(0, -9), (0, 9)],),
        ([(2, -9), (-2, 9)],),
        ([(-4, -5), (1, -9)], [(1, -9), (1, 9)]),
        ([(-3, -6), (0, -9)], [(0, -9), (0, 9)], [(-4, 9), (4, 9)]),
    ),
    2: (
        ([(-5, -6), (-1, -9), (4, -7), (4, -2), (0, 3), (-6, 9)], [(-6, 9), (6, 9)]),
        ([(-5, -6), (-1, -9), (4, -7), (4, -2), (-1, 5), (-5, 8), (-5, 5), (-1, 6), (6, 9)],),
        ([(-5, -7), (1, -9), (5, -5), (2, 1), (-5, 8)], [(-5, 8), (0, 7), (6, 9)]),
    ),
    3: (
        ([(-5, -7), (0, -9), (4, -6), (3, -2), (-2, -1)], [(-2, -1), (4, 1), (5, 5), (1, 9), (-5, 7)]),
        ([(-5, -9), (5, -9)], [(5, -9), (-1, -2)], [(-1, -2), (4, 0), (5, 5), (1, 9), (-5, 7)]),
        ([(-4, -8), (2, -9), (4, -5), (0, -1)], [(0, -1), (5, 2), (4, 7), (-1, 9), (-6, 8)]),
    ),
    4: (
        ([(-4, -9), (-5, 1)], [(-5, 1), (6, 1)], [(3, -6), (3, 9)]),
        ([(2, -9), (-6, 3)], [(-6, 3), (6, 3)], [(2, -9), (2, 9)]),
        ([(-5, -8), (-5, -2), (-2, 0), (4, -1)], [(5, -9), (4, -1), (2, 9)]),
    ),
    5: (
        ([(5, -9), (-4, -9)], [(-4, -9), (-5, -1)], [(-5, -1), (0, -3), (5, 0), (5, 5), (1, 9), (-5, 7)]),
        ([(-3, -9), (4, -9)], [(-3, -9), (-4, -2)], [(-4, -2), (1, -2), (4, 2), (3, 7), (-1, 9), (-5, 8)]),
        ([(6, -9), (-1, -8)], [(-1, -8), (-4, -2), (1, -1), (4, 3), (2, 8), (-5, 9)]),
    ),
    6: (
        ([(3, -9), (-2, -5), (-5, 2), (-3, 8), (2, 9), (5, 5), (3, 1), (-1, 1), (-4, 4)],),
        ([(0, -9), (-4, -2), (-4, 6), (0, 9), (4, 7), (4, 2), (0, 0), (-4, 4)],),
        ([(5, -8), (0, -8), (-5, -1), (-4, 7), (1, 9), (5, 5), (2, 1), (-3, 3)],),
    ),
    7: (
        ([(-5, -9), (5, -9)], [(5, -9), (0, 0), (-2, 9)]),
        ([(-5, -8), (5, -9)], [(5, -9), (1, 0), (-3, 9)], [(-3, 0), (5, 0)]),
        ([(-6, -5), (-5, -8)], [(-5, -8), (5, -8)], [(5, -8), (0, 9)]),
    ),
    8: (
        ([(0, 0), (4, -5), (0, -9), (-4, -5), (0, 0), (5, 5), (0, 9), (-5, 5), (0, 0)],),
        ([(0, -9), (4, -5), (0, -1), (-4, -5), (0, -9)], [(0, -1), (5, 4), (0, 9), (-5, 4), (0, -1)]),
        ([(4, -7), (0, -9), (-4, -6), (0, -1), (4, 4), (0, 9), (-4, 5), (0, 0), (4, -7)],),
    ),
    9: (
        ([(4, -5), (1, -9), (-3, -8), (-5, -4), (-2, 0), (2, -1), (4, -5)], [(4, -5), (4, 2), (3, 9)]),
        ([(4, -5), (0, -9), (-4, -5), (-1, 0), (4, -5)], [(4, -5), (4, 3), (0, 9), (-4, 8)]),
        ([(4, -7), (-1, -9), (-5, -5), (-2, -1), (4, -6)], [(4, -8), (3, 0), (0, 9)]),
    ),
}  # fmt: skip

PIECES = 4
"""Straight pieces that a curve is made of from one control point to the next."""

CHUNK = 32
"""Images drawn at once: what they take in between fits into a processor's cache."""

_OFFSETS = np.arange(28, dtype=np.float32) - 13.5
_PIXELS = np.stack([np.tile(_OFFSETS, 28), np.repeat(_OFFSETS, 28), np.ones(784, np.float32)])  # rows x, y, 1


class SyntheticDigits(Images):
    """Digits 0 to 9 in MNIST's format, drawn when asked for: images (1, 28, 28) in [0, 1], labels 0 to 9.

    ``size`` is how many: 10,000 to train, 2,000 to test, if left out; each digit as often as the others, or once
    more. The same seed gives the same digits; those to train and those to test are different draws. ``transform``,
    ``one_hot``, ``images`` and ``labels`` are those of `MNIST`. Raises ValueError for a size below 1 or a negative
    seed.

    >>> from tinygrad_cnn.data import SyntheticDigits
    >>> SyntheticDigits(size=20).images.shape
    (20, 28, 28)
    """

    classes = MNIST.classes

    def __init__(
        self,
        train: bool = True,
        size: int | None = None,
        seed: int = 0,
        transform: Transform | None = None,
        one_hot: bool = False,
    ) -> None:
        if size is None:
            size = 10_000 if train else 2_000
        for name, number, least in (("size", size, 1), ("seed", seed, 0)):
            if not isinstance(number, (int, np.integer)) or number < least:
                raise ValueError(f"SyntheticDigits: {name} is {number!r}; wanted an integer of at least {least}")
        self.train = train
        self.seed = seed
        generator = np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[0 if train else 1])
        labels = generator.permutation(np.arange(size) % 10)
        super().__init__(draw(labels, generator), labels, transform, one_hot)

    def __repr__(self) -> str:
        return f"SyntheticDigits(train={self.train}, size={len(self)}, seed={self.seed})"


def draw(labels: Array, generator: np.random.Generator) -> Array:
    """Return an image for each label, uint8 (N, 28, 28), in a style drawn at random."""
    images = np.empty((len(labels), 28, 28), np.uint8)
    styles = generator.integers(0, [len(STYLES[int(label)]) for label in labels])
    for digit in STYLES:
        for number in range(len(STYLES[digit])):
            places = np.flatnonzero((labels == digit) & (styles == number))
            for start in range(0, len(places), CHUNK):
                chunk = places[start : start + CHUNK]
                images[chunk] = _draw_style(digit, number, len(chunk), generator)
    return images


def _draw_style(digit: int, number: int, count: int, generator: np.random.Generator) -> Array:
    controls, begin, end = _curves(digit, number)
    moved = controls + 0.7 * generator.standard_normal((count, *controls.shape), np.float32)
    points = moved @ _affine(count, generator) + generator.uniform(-1.5, 1.5, (count, 1, 2)).astype(np.float32)
    distance = _distances(begin @ points, end @ points)
    thickness = generator.uniform(0.7, 1.7, (count, 1)).astype(np.float32)  # from the middle to half the brightness
    softness = generator.uniform(1, 1.8, (count, 1)).astype(np.float32)
    ink = np.clip((thickness - distance) / softness + 0.5, 0, 1)
    ink *= 1 + 0.1 * generator.standard_normal(ink.shape, np.float32)
    pixels: Array = (255 * np.clip(ink, 0, 1)).astype(np.uint8)
    return pixels.reshape(count, 28, 28)


def _affine(count: int, generator: np.random.Generator) -> Array:
    """Return maps (N, 2, 2), to be multiplied from the right: zoom, then shear, then rotation."""
    angle = np.radians(generator.uniform(-12, 12, count))
    shear = generator.uniform(-0.3, 0.2, count)  # writing leans to the right more than to the left
    across, down = generator.uniform([[0.75], [0.85]], [[1.15], [1.1]], (2, count))
    cos, sin = np.cos(angle), np.sin(angle)
    lean = np.array([[across, 0 * across], [shear * down, down]])
    turn = np.array([[cos, sin], [-sin, cos]])
    maps: Array = np.einsum("ijn,jkn->nik", lean, turn)
    return maps.astype(np.float32)


def _distances(begin: Array, end: Array) -> Array:
    """Return how far each pixel is from the nearest of S straight pieces: (N, S, 2) twice to (N, 784).

    With p a pixel, a and d the beginning and the direction of a piece, and s = (p - a) d / |d|^2 held within
    [0, 1] as t, the distance's square is |p - a|^2 - |d|^2 t (2 s - t). But for |p|^2, s and |p - a|^2 are linear
    in p: two products of matrices give them for all pixels.
    """
    direction = end - begin
    length2 = np.maximum((direction * direction).sum(-1, keepdims=True), np.float32(1e-6))
    along = np.concatenate([direction, -(direction * begin).sum(-1, keepdims=True)], -1) / length2 @ _PIXELS
    away2 = np.concatenate([-2 * begin, (begin * begin).sum(-1, keepdims=True)], -1) @ _PIXELS
    held = np.clip(along, 0, 1)
    along *= 2
    along -= held
    along *= held
    along *= length2
    away2 -= along
    nearest2: Array = away2.min(1) + (_PIXELS[:2] ** 2).sum(0)
    return np.sqrt(np.maximum(nearest2, 0))


@cache
def _curves(digit: int, number: int) -> tuple[Array, Array, Array]:
    """Return a style's control points (C, 2), and what makes of them where S pieces begin, and end: (S, C) each."""
    style = STYLES[digit][number]
    controls = list(dict.fromkeys(point for stroke in style for point in stroke))
    rows = [_curve([controls.index(point) for point in stroke], len(controls)) for stroke in style]
    begin, end = (np.concatenate([r[part] for r in rows]) for part in (slice(None, -1), slice(1, None)))
    return np.array(controls, np.float32), begin, end


def _curve(stroke: list[int], count: int) -> Array:
    """Return what makes of control points the points of a stroke: a curve of Catmull & Rom (1974)."""
    spans, identity = len(stroke) - 1, np.eye(count)
    if spans == 1:
        return identity[stroke].astype(np.float32)
    before, after = (stroke[-2], stroke[1]) if stroke[0] == stroke[-1] else (stroke[0], stroke[-1])
    around = identity[[before, *stroke, after]]
    t = np.arange(PIECES)[:, None] / PIECES
    t2, t3 = t * t, t * t * t
    weights = np.hstack([-t + 2 * t2 - t3, 2 - 5 * t2 + 3 * t3, t + 4 * t2 - 3 * t3, t3 - t2]) / 2
    points = [weights @ around[i : i + 4] for i in range(spans)]
    return np.vstack([*points, identity[stroke[-1:]]]).astype(np.float32)
