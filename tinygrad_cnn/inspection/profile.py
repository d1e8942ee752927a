"""profile: calls, seconds and floating-point operations of each operation, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from tinygrad_cnn.inspection.flops import derivative_flops, flops
from tinygrad_cnn.inspection.text import scaled, table
from tinygrad_cnn.tape.watch import Call, Derived, watch, watch_derivatives


@dataclass
class Tally:
    """Counts of calls, seconds and floating-point operations."""

    calls: int = 0
    seconds: float = 0.0
    flops: int = 0

    def add(self, seconds: float, flops: int, calls: int = 1) -> None:
        """Add to the counts."""
        self.calls += calls
        self.seconds += seconds
        self.flops += flops


@dataclass
class Cost:
    """The calls of one operation, and those of its derivatives, one for each input that needs a gradient."""

    forward: Tally = field(default_factory=Tally)
    backward: Tally = field(default_factory=Tally)

    @property
    def seconds(self) -> float:
        """The seconds of forward and backward together."""
        return self.forward.seconds + self.backward.seconds


class Profile:
    """The costs of operations by name; ``str()`` is a table, the most expensive first."""

    def __init__(self) -> None:
        self.costs: dict[str, Cost] = {}
        self.seconds = 0.0  # of the whole block
        self._open = True

    def _see(self, call: Call) -> None:
        cost = self.costs.setdefault(call.operation.name, Cost())
        cost.forward.add(call.seconds, flops(call))
        node = call.node
        if node is None:
            return

        def see(derived: Derived) -> None:
            if self._open:
                cost.backward.add(derived.seconds, derivative_flops(call, node.edges[derived.edge][2]))

        watch_derivatives(node, see)

    @property
    def total(self) -> Cost:
        """The costs of all operations together."""
        sums = Cost()
        for cost in self.costs.values():
            sums.forward.add(cost.forward.seconds, cost.forward.flops, cost.forward.calls)
            sums.backward.add(cost.backward.seconds, cost.backward.flops, cost.backward.calls)
        return sums

    def __str__(self) -> str:
        total = self.total
        by_cost = sorted(self.costs.items(), key=lambda item: -item[1].seconds)
        head = ("operation", "calls", "forward", "flop", "calls", "backward", "flop", "share")
        body = table(
            head,
            [_row(name, cost, total.seconds) for name, cost in by_cost],
            _row("total", total, total.seconds),
        )
        rest = max(self.seconds - total.seconds, 0.0)
        return (
            f"{body}\n{scaled(self.seconds, 's')} in all; {scaled(rest, 's')} of it outside of operations: "
            "recording, adding gradients, the optimizer, other code"
        )

    __repr__ = __str__


def _row(name: str, cost: Cost, total: float) -> tuple[str, ...]:
    share = f"{cost.seconds / total:.1%}" if total else "-"
    tallies = (cost.forward, cost.backward)
    cells = [c for t in tallies for c in (f"{t.calls:,}", scaled(t.seconds, "s"), scaled(t.flops, ""))]
    return name, *cells, share


@contextmanager
def profile() -> Iterator[Profile]:
    """Measure the operations that this thread runs in the block, and the derivatives of those it records there.

    ``with profile() as p:`` gives a `Profile`, which can be printed afterwards. Floating-point operations of matrix
    products and convolutions are counted exactly; elementwise functions count one for each element, operations that
    only move numbers none. Outside of the block nothing is measured, at no cost.

    >>> import tinygrad_cnn as tg
    >>> x, w = tg.ones(2, 3), tg.ones(4, 3, requires_grad=True)
    >>> with tg.profile() as p:
    ...     tg.nn.functional.linear(x, w).sum().backward()
    >>> p.costs["linear"].forward.flops, p.costs["linear"].backward.calls
    (48, 1)
    """
    result = Profile()
    start = perf_counter()
    try:
        with watch(result._see):
            yield result
    finally:
        result.seconds = perf_counter() - start
        result._open = False
