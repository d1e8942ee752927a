"""The steps of a backward pass as data, which `explain` measures, and the graph and the page draw."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinygrad_cnn.inspection.text import scaled
from tinygrad_cnn.tape.watch import Line

AGREES = 1e-4  # a derivative and finite differences that are no further apart than this say the same


@dataclass(frozen=True)
class Arrow:
    """A gradient that one derivative made: what for, by which rule, and what it took."""

    input: str  # the operation's input
    to: int | str  # the step that the gradient goes to, or the name of a leaf
    rule: str
    shape: tuple[int, ...]
    norm: float
    seconds: float
    memory: int  # in bytes: 0 if the gradient shares the memory of the one that came in
    deviation: float | None  # from finite differences, in parts of the norm; None if it was not checked

    @property
    def verdict(self) -> str:
        """What finite differences said."""
        if self.deviation is None:
            return ""
        if self.deviation != self.deviation:
            return "not finite"
        return f"{'ok' if self.deviation <= AGREES else 'WRONG'} {self.deviation:.0e}"


@dataclass
class Step:
    """One recorded operation, and the gradient that came to it."""

    number: int
    operation: str
    line: Line | None
    shape: tuple[int, ...]
    norm: float
    kept: int  # bytes that were kept for it, and for no step before
    arrows: list[Arrow] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Those of its derivatives."""
        return sum(arrow.seconds for arrow in self.arrows)


@dataclass(frozen=True)
class BackwardSteps:
    """The steps of a backward pass, newest operation first."""

    steps: tuple[Step, ...]

    @property
    def title(self) -> str:
        """What it came to."""
        arrows = [arrow for step in self.steps for arrow in step.arrows]
        made, kept = sum(a.memory for a in arrows), sum(step.kept for step in self.steps)
        checked = [a.verdict for a in arrows if a.verdict]
        wrong = sum(v.startswith("WRONG") for v in checked)
        verdict = f", {len(checked)} derivatives checked, {wrong} wrong" if checked else ""
        return (
            f"backward through {len(self.steps)} operations in {scaled(sum(a.seconds for a in arrows), 's')}, "
            f"{scaled(made, 'B')} of gradients, {scaled(kept, 'B')} kept for it{verdict}"
        )

    def name_of(self, target: int | str) -> str:
        """Return what an arrow points to in words."""
        return f"{target} {self.steps[target - 1].operation}" if isinstance(target, int) else target
