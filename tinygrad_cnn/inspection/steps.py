"""The steps of a backward pass as data: measured by `explain`, drawn by the graph and the page."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinygrad_cnn.inspection.text import scaled
from tinygrad_cnn.tape.watch import Line

AGREES = 1e-4  # the largest deviation at which a derivative agrees with finite differences


@dataclass(frozen=True)
class Arrow:
    """One gradient of a backward pass: its input, its derivative rule, and its cost."""

    input: str  # the operation's input
    to: int | str  # the step that the gradient goes to, or the name of a leaf
    rule: str
    shape: tuple[int, ...]
    norm: float
    seconds: float
    memory: int  # in bytes; 0 if the gradient shares the memory of the incoming gradient
    deviation: float | None  # from finite differences, relative to the norm; None if not checked

    @property
    def verdict(self) -> str:
        """The result of the check against finite differences, or ""."""
        if self.deviation is None:
            return ""
        if self.deviation != self.deviation:
            return "not finite"
        return f"{'ok' if self.deviation <= AGREES else 'WRONG'} {self.deviation:.0e}"


@dataclass
class Step:
    """One recorded operation, with the gradient of its result."""

    number: int
    operation: str
    line: Line | None
    shape: tuple[int, ...]
    norm: float
    kept: int  # bytes that were kept for it, and for no earlier step
    arrows: list[Arrow] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The seconds of its derivatives."""
        return sum(arrow.seconds for arrow in self.arrows)


@dataclass(frozen=True)
class BackwardSteps:
    """The steps of a backward pass, newest operation first."""

    steps: tuple[Step, ...]

    @property
    def title(self) -> str:
        """A summary: the number of operations, and their time and memory."""
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
        """Return the name of what an arrow points to."""
        return f"{target} {self.steps[target - 1].operation}" if isinstance(target, int) else target
