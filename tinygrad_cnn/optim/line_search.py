"""A line search: how far to go along a direction."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

from tinygrad_cnn.typing import Array

SUFFICIENT_DECREASE, CURVATURE = 1e-4, 0.9


class Point(NamedTuple):
    """A point on the line: how far along, the value, the gradient, and the slope along the line."""

    t: float
    value: float
    gradient: Array
    slope: float


def strong_wolfe(
    at: Callable[[float], Point], start: Point, t: float, reach: float, least_change: float, most: int = 25
) -> tuple[Point, int]:
    """Return a point that satisfies the strong Wolfe conditions, and how often ``at`` was called to find it.

    ``t`` is the first guess and ``reach`` the largest component of the direction: a bracket narrower than
    ``least_change`` in all components ends the search. After ``most`` points it ends at the lowest. (Nocedal &
    Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6, with cubic interpolation.)
    """
    before, now, calls = start, at(t), 1
    for step in range(most):
        is_bracket = _too_high(now, start) or (step > 1 and now.value >= before.value)
        if not is_bracket and abs(now.slope) <= -CURVATURE * start.slope:
            return now, calls
        if is_bracket or now.slope >= 0:
            return _zoom(at, start, (before, now), reach, least_change, most - step, calls)
        bounds = now.t + 0.01 * (now.t - before.t), 10 * now.t
        before, now = now, at(_cubic_minimum(before, now, bounds))
        calls += 1
    return min(start, now, key=lambda point: point.value), calls


def _too_high(point: Point, start: Point) -> bool:
    return point.value > start.value + SUFFICIENT_DECREASE * point.t * start.slope


def _zoom(
    at: Callable[[float], Point],
    start: Point,
    bracket: tuple[Point, Point],
    reach: float,
    least_change: float,
    most: int,
    calls: int,
) -> tuple[Point, int]:
    """Narrow a bracket of two points until one satisfies the conditions; return it and the number of calls."""
    first, second = bracket
    low, high = (first, second) if first.value <= second.value else (second, first)
    is_stuck = False
    for _ in range(most):
        if abs(second.t - first.t) * reach < least_change:
            break
        left, right = min(low.t, high.t), max(low.t, high.t)
        t = _cubic_minimum(first, second, (left, right))
        margin = 0.1 * (right - left)
        is_near_end = min(right - t, t - left) < margin
        if is_near_end and (is_stuck or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            is_near_end = False
        is_stuck = is_near_end
        now = at(t)
        calls += 1
        if _too_high(now, start) or now.value >= low.value:
            first, second = _replaced(first, second, high, now)
            low, high = (first, second) if first.value <= second.value else (second, first)
            continue
        is_done = abs(now.slope) <= -CURVATURE * start.slope
        other = low if not is_done and now.slope * (high.t - low.t) >= 0 else high
        first, second = (other, now) if high is first else (now, other)
        low, high = now, other
        if is_done:
            break
    return low, calls


def _replaced(first: Point, second: Point, old: Point, new: Point) -> tuple[Point, Point]:
    return (new, second) if old is first else (first, new)


def _cubic_minimum(a: Point, b: Point, bounds: tuple[float, float]) -> float:
    """Return where the cubic through two points with their slopes is lowest, within bounds."""
    left, right = (a, b) if a.t <= b.t else (b, a)
    slope = left.slope + right.slope - 3 * (left.value - right.value) / (left.t - right.t)
    square = slope * slope - left.slope * right.slope
    root = sqrt(square) if square >= 0 else 0.0
    if not square >= 0 or right.slope - left.slope + 2 * root == 0:
        return (bounds[0] + bounds[1]) / 2
    t = right.t - (right.t - left.t) * ((right.slope + root - slope) / (right.slope - left.slope + 2 * root))
    return min(max(t, bounds[0]), bounds[1])
