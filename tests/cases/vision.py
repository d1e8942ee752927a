"""Padding, interpolation, pixels out of channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tests.support.registry import Sample, case, refuse, zeros
from tests.support.strategies import Draw, anywhere, generators

NUMPY_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@st.composite
def paddings(draw: Draw, modes: list[str]) -> Sample:
    """Widths within what each mode allows for sides of 3 and more; only "constant" may take away."""
    rng, mode = draw(generators()), draw(st.sampled_from(modes))
    shape = draw(st.sampled_from([(2, 3, 4), (2, 1, 3, 4)]))
    least = -1 if mode == "constant" else 0
    widths = [draw(st.integers(least, 2)) for _ in range(2 * (len(shape) - 2) - 1)] + [draw(st.integers(1, 2))]
    arguments = {"pad": tuple(widths), "mode": mode}
    if mode == "constant" and draw(st.booleans()):
        arguments["value"] = -1.5
    return Sample((anywhere(rng, shape),), arguments)


def numpy_pad(x: np.ndarray, pad: tuple[int, ...], mode: str, value: float = 0.0) -> np.ndarray:
    pairs = [(0, 0)] * (x.ndim - len(pad) // 2) + [*zip(pad[::2], pad[1::2], strict=True)][::-1]
    x = x[tuple(slice(max(-a, 0), n + min(b, 0)) for n, (a, b) in zip(x.shape, pairs, strict=True))]
    how = {"constant_values": value} if mode == "constant" else {}
    return np.pad(x, [(max(a, 0), max(b, 0)) for a, b in pairs], NUMPY_MODES[mode], **how)


case("pad", F.pad, numpy_pad, paddings(["constant"]), records="unindex", torch="nn.functional.pad")
case(
    "pad_with_its_own",
    F.pad,
    numpy_pad,
    paddings(["reflect", "replicate", "circular"]),
    records="cat",
    torch="nn.functional.pad",
)


@st.composite
def resizings(draw: Draw, mode: str) -> Sample:
    """A size or a factor for rows and images, to more and to fewer pixels."""
    rng, dims = draw(generators()), {"linear": 1, "bilinear": 2}.get(mode) or draw(st.integers(1, 3))
    size = [draw(st.integers(1, 4)) for _ in range(dims)]
    arguments: dict[str, Any] = {"mode": mode}
    if draw(st.booleans()):
        arguments["size"] = tuple(draw(st.integers(1, 6)) for _ in range(dims))
    else:
        factors = tuple(draw(st.sampled_from([1.0, 1.7, 2.0, 2.5])) for _ in range(dims))
        arguments["scale_factor"] = draw(st.sampled_from([factors, factors[0]]))
        arguments["recompute_scale_factor"] = draw(st.sampled_from([None, True]))
    if mode != "nearest":
        arguments["align_corners"] = draw(st.booleans())
    return Sample((anywhere(rng, (2, 1, *size)),), arguments)


def resized(x: np.ndarray, mode: str, size: Any = None, scale_factor: Any = None, **how: Any) -> np.ndarray:
    """Dimension by dimension: NumPy's interpolation between the entries' places, or the entry before the place."""
    spatial = x.shape[2:]
    factors = scale_factor if isinstance(scale_factor, tuple) else (scale_factor,) * len(spatial)
    for axis, n in enumerate(spatial, start=2):
        out = size[axis - 2] if size is not None else int(n * factors[axis - 2])
        step = n / out if size is not None or how.get("recompute_scale_factor") else 1 / factors[axis - 2]
        at = np.arange(out)
        if mode == "nearest":
            x = np.take(x, np.minimum(np.floor(at * np.float32(step)).astype(int), n - 1), axis)
            continue
        place = at * (n - 1) / max(out - 1, 1) if how["align_corners"] else (at + 0.5) * step - 0.5
        x = np.apply_along_axis(lambda row, place=place: np.interp(place, np.arange(len(row)), row), axis, x)
    return x


for mode in ("nearest", "linear", "bilinear"):
    case(
        f"interpolate_{mode}",
        F.interpolate,
        resized,
        resizings(mode),
        records="index",
        torch="nn.functional.interpolate",
    )


@st.composite
def shuffles(draw: Draw) -> Sample:
    rng, r = draw(generators()), draw(st.integers(1, 3))
    before = draw(st.sampled_from([(), (2,), (1, 2)]))
    shape = (*before, r * r * draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    return Sample((anywhere(rng, shape),), {"upscale_factor": r})


def shuffled(x: np.ndarray, upscale_factor: int) -> np.ndarray:
    r, (*before, channels, height, width) = upscale_factor, x.shape
    out = np.zeros((*before, channels // r**2, height * r, width * r))
    for c, y, z in np.ndindex(out.shape[-3:]):
        out[..., c, y, z] = x[..., c * r * r + y % r * r + z % r, y // r, z // r]
    return out


case("pixel_shuffle", F.pixel_shuffle, shuffled, shuffles(), records="permute", torch="nn.functional.pixel_shuffle")

# --- what must be refused ---

refuse(
    lambda: F.pad(zeros(2), (1,)), ValueError, r"pad: wanted one to 1 pairs of widths for shape \(2,\), got \(1,\)"
)
refuse(lambda: F.pad(zeros(2), (1, 1, 1, 1)), ValueError, r"pad: wanted one to 1 pairs of widths")
refuse(lambda: F.pad(zeros(2), (1, 1), "mirror"), ValueError, r"pad: mode 'mirror' .* constant, reflect, replicate")
refuse(lambda: F.pad(zeros(2), (1, 1), "reflect", 3.0), ValueError, r"pad: mode 'reflect' with value 3.0")
refuse(
    lambda: F.pad(zeros(2), (2, 0), "reflect"), ValueError, r"pad: mode 'reflect' widens a length of 2 by at most 1"
)
refuse(lambda: F.pad(zeros(2), (-1, -2)), ValueError, r"pad: the widths \(-1, -2\) remove more")
refuse(lambda: F.interpolate(zeros(1, 1, 2)), ValueError, r"interpolate: wanted size or scale_factor, got None and")
refuse(
    lambda: F.interpolate(zeros(1, 2), 3), ValueError, r"interpolate: mode 'nearest' of an input of shape \(1, 2\)"
)
refuse(lambda: F.interpolate(zeros(1, 1, 2), 3, mode="cubic"), ValueError, r"interpolate: mode 'cubic'")
refuse(lambda: F.interpolate(zeros(1, 1, 2), (3, 3)), ValueError, r"interpolate: got \(3, 3\) for 1 spatial")
refuse(
    lambda: F.interpolate(zeros(1, 1, 2), scale_factor=0.1), ValueError, r"interpolate: from \(2,\) to \(0,\) by"
)
refuse(
    lambda: F.interpolate(zeros(1, 1, 2), 3, align_corners=True), ValueError, r"interpolate: align_corners is for"
)
refuse(lambda: F.pixel_shuffle(zeros(3, 2, 2), 2), ValueError, r"pixel_shuffle: .* C a multiple of 4, got shape")
refuse(lambda: F.pixel_shuffle(tg.ones(4, 2, 2), 0), ValueError, r"pixel_shuffle: upscale_factor is 0")
