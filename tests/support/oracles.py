"""Slow, plain definitions to hold the kernels against: loops over every index, nothing shared with the package."""

from __future__ import annotations

from itertools import product

import numpy as np


def taps(geometry, size, kernel):
    """For each output pixel and kernel tap that falls inside the image: output y, x, tap i, j, input y, x."""
    (sh, sw), (ph, pw), (dh, dw) = geometry.stride, geometry.padding, geometry.dilation
    oh = (size[0] + 2 * ph - dh * (kernel[0] - 1) - 1) // sh + 1
    ow = (size[1] + 2 * pw - dw * (kernel[1] - 1) - 1) // sw + 1
    for y, x, i, j in product(range(oh), range(ow), range(kernel[0]), range(kernel[1])):
        row, column = y * sh - ph + i * dh, x * sw - pw + j * dw
        if 0 <= row < size[0] and 0 <= column < size[1]:
            yield y, x, i, j, row, column


def channels(weight, groups):
    """For each output channel and channel of its group: output, channel within the group, input channel."""
    outputs, inputs = weight.shape[:2]
    for o, c in product(range(outputs), range(inputs)):
        yield o, c, o // (outputs // groups) * inputs + c


def conv2d(x, w, bias, geometry, out_size):
    out = np.zeros((len(x), len(w), *out_size)) + (0 if bias is None else bias[:, None, None])
    for oy, ox, i, j, y, z in taps(geometry, x.shape[2:], w.shape[2:]):
        for o, c, source in channels(w, geometry.groups):
            out[:, o, oy, ox] += w[o, c, i, j] * x[:, source, y, z]
    return out


def conv2d_input(g, w, size, geometry):
    out = np.zeros((len(g), w.shape[1] * geometry.groups, *size))
    for oy, ox, i, j, y, z in taps(geometry, size, w.shape[2:]):
        for o, c, source in channels(w, geometry.groups):
            out[:, source, y, z] += w[o, c, i, j] * g[:, o, oy, ox]
    return out


def conv2d_weight(g, x, kernel, geometry):
    out = np.zeros((g.shape[1], x.shape[1] // geometry.groups, *kernel))
    for oy, ox, i, j, y, z in taps(geometry, x.shape[2:], kernel):
        for o, c, source in channels(out, geometry.groups):
            out[o, c, i, j] += np.sum(g[:, o, oy, ox] * x[:, source, y, z])
    return out


def window_starts(n, k, s, p, d, ceil_mode):
    """Where along one dimension the windows begin: every s pixels, while they fit or, rounding up, begin inside."""
    start = -p
    while start + d * (k - 1) < n + p:
        yield start
        start += s
    if ceil_mode and start < n and start - s + d * (k - 1) < n + p - 1:
        yield start


def windows(shape, window):
    """For each output pixel: its index, and the indices of the pixels in its window that are inside the image."""
    (n, c, *size) = shape
    taps = []
    for side, k, s, p, d in zip(size, *window[:4], strict=True):
        starts = window_starts(side, k, s, p, d, window.ceil_mode)
        taps.append([[i for i in range(a, a + k * d, d) if 0 <= i < side] for a in starts])
    for a, b, (y, rows), (x, columns) in product(range(n), range(c), *map(enumerate, taps)):
        yield (a, b, y, x), [(a, b, row, column) for row, column in product(rows, columns)]


def divisors(size, window, count_include_pad=True, divisor_override=None):
    """What each window's sum is divided by."""
    counts = []
    for side, k, s, p in zip(size, *window[:3], strict=True):
        low, high = (-p, side + p) if count_include_pad else (0, side)
        starts = window_starts(side, k, s, p, 1, window.ceil_mode)
        counts.append([len([i for i in range(a, a + k) if low <= i < high]) for a in starts])
    return np.outer(*counts) if divisor_override is None else np.full(tuple(map(len, counts)), divisor_override)


def max_pool2d(x, window, out_shape):
    out = np.zeros(out_shape)
    for at, inside in windows(x.shape, window):
        out[at] = max(x[p] for p in inside)
    return out


def max_unpool2d(g, x, window):
    out = np.zeros(x.shape)
    for at, inside in windows(x.shape, window):
        out[max(inside, key=lambda p: x[p])] += g[at]
    return out


def max_pick2d(values, x, window, out_shape):
    out = np.zeros(out_shape)
    for at, inside in windows(x.shape, window):
        out[at] = values[max(inside, key=lambda p: x[p])]
    return out


def max_places2d(x, window, out_shape):
    out = np.zeros(out_shape, int)
    for at, inside in windows(x.shape, window):
        _, _, row, column = max(inside, key=lambda p: x[p])
        out[at] = row * x.shape[3] + column
    return out


def avg_pool2d(x, window, out_shape, **how):
    out, divisor = np.zeros(out_shape), divisors(x.shape[2:], window, **how)
    for at, inside in windows(x.shape, window):
        out[at] = sum(x[p] for p in inside) / divisor[at[2:]]
    return out


def avg_unpool2d(g, size, window):
    out, divisor = np.zeros((*g.shape[:2], *size)), divisors(size, window)
    for at, inside in windows(out.shape, window):
        for p in inside:
            out[p] += g[at] / divisor[at[2:]]
    return out


def unfold(x, window):
    """Columns (N, C * KH * KW, OH * OW), by loops over channels, taps and windows; outside the image are zeros."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = window[:4]
    (n, c, height, width), (oh, ow) = x.shape, window.output_size(x.shape[2:])
    out = np.zeros((n, c, kh, kw, oh, ow))
    for b, i, j, y, z in product(range(c), range(kh), range(kw), range(oh), range(ow)):
        row, column = y * sh - ph + i * dh, z * sw - pw + j * dw
        if 0 <= row < height and 0 <= column < width:
            out[:, b, i, j, y, z] = x[:, b, row, column]
    return out.reshape(n, c * kh * kw, oh * ow)


def fold(columns, size, window):
    """The adjoint of `unfold`, by the matrix of what it does to each pixel."""
    channels = columns.shape[1] // (window.kernel[0] * window.kernel[1])
    units = np.eye(channels * size[0] * size[1]).reshape(-1, channels, *size)
    matrix = unfold(units, window).reshape(len(units), -1)
    return (columns.reshape(len(columns), matrix.shape[1]) @ matrix.T).reshape(len(columns), channels, *size)


def log_softmax(x, dim):
    from scipy.special import log_softmax

    return log_softmax(x, axis=dim)


def cross_entropy(log_probabilities, target, reduction):
    """Mean, sum or list of -sum_i y_i log p_i, classes along dimension 1 (0 of a vector); target indices or y."""
    axis = min(1, log_probabilities.ndim - 1)
    moved = np.moveaxis(log_probabilities, axis, -1)
    losses = np.zeros(moved.shape[:-1])
    for at in np.ndindex(losses.shape):
        if np.issubdtype(target.dtype, np.integer):
            losses[at] = -moved[at][target[at]]
        else:
            losses[at] = -np.sum(np.moveaxis(target, axis, -1)[at] * moved[at])
    return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](losses)
