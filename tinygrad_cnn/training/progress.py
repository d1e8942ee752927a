"""The epoch that is under way: how far it has come, its means so far, and the bar that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tinygrad_cnn.creation import from_numpy
from tinygrad_cnn.training.history import Score
from tinygrad_cnn.typing import Array


@dataclass
class Totals:
    """Loss and metrics, added up over the samples of batches of any size."""

    loss: float = 0.0
    samples: int = 0
    metrics: dict[str, float] = field(default_factory=dict)

    def add(self, mean_loss: float, metric_sums: Mapping[str, float], samples: int) -> None:
        """Add a batch: its mean loss, and each metric added up over its samples."""
        self.loss += mean_loss * samples
        self.samples += samples
        for name, value in metric_sums.items():
            self.metrics[name] = self.metrics.get(name, 0.0) + value

    def score(self) -> Score:
        """Return the means."""
        means = {name: value / self.samples for name, value in self.metrics.items()}
        return Score(self.loss / self.samples, **means)


@dataclass
class Progress:
    """An epoch that is under way: the order of its samples or batches, and how many batches are done.

    ``order`` is None where the batches come from something that cannot be read again from the middle, such as a
    generator: such an epoch cannot be saved.
    """

    order: Array | None
    learning_rate: float  # at the start of the epoch
    seed: int | None = None  # of what is drawn for its batches, where a thread reads them ahead
    batches: int = 0  # number of batches that are done
    seconds: float = 0.0
    totals: Totals = field(default_factory=Totals)

    def state_dict(self) -> dict[str, Any]:
        """Return all of it as tensors and numbers. Raises ValueError for an epoch that could not be resumed."""
        if self.order is None:
            raise ValueError(
                "the epoch that is under way reads its batches from something that cannot be read again from the "
                "middle; wanted a DataLoader or a list of batches, or a state saved between epochs"
            )
        totals = {**vars(self.totals), "metrics": dict(self.totals.metrics)}
        return {**vars(self), "order": from_numpy(self.order), "totals": totals}

    @staticmethod
    def from_state_dict(state: Mapping[str, Any]) -> Progress:
        """Return the epoch that `state_dict` described. Raises ValueError for one that cannot be."""
        order, batches, totals, seed = state["order"].array, state["batches"], state["totals"], state["seed"]
        numbers = [batches, state["learning_rate"], state["seconds"], *totals["metrics"].values()]
        numbers += [totals["loss"], totals["samples"]]
        if order.ndim != 1 or order.dtype.kind not in "iu" or order.min(initial=0) < 0:
            raise ValueError(f"the epoch that is under way has {order.dtype} {order.shape} in place of an order")
        if not all(isinstance(n, (int, float)) for n in numbers) or not isinstance(batches, int) or batches < 0:
            raise ValueError(f"the epoch that is under way has {numbers!r:.60} in place of its numbers")
        if not (seed is None or (isinstance(seed, int) and seed >= 0)):
            raise ValueError(f"the epoch that is under way has {seed!r:.60} in place of its seed")
        return Progress(**{**state, "order": order, "totals": Totals(**totals)})


_BAR = "{desc} {percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}{postfix}  {remaining} left"
_BAR_WITHOUT_TOTAL = "{desc}  {n_fmt} batches{postfix}  {elapsed}"


def with_progress_bar(batches: Iterable[Any], label: str, running: Progress, total: int | None) -> Iterator[Any]:
    """Show a bar in the terminal while batches are read, with the means so far; elsewhere show nothing."""
    from tinygrad_cnn.support.progress_bar import ProgressBar

    with ProgressBar(
        batches,
        label,
        total,
        initial=running.batches,
        leave=False,
        dynamic_ncols=True,
        bar_format=_BAR_WITHOUT_TOTAL if total is None else _BAR,
        disable=None,  # tqdm reads None as: show the bar in terminals only
    ) as bar:
        for batch in bar:
            yield batch
            if running.totals.samples:
                bar.set_postfix_str(running.totals.score().described(), refresh=False)


def in_lines(parts: Iterable[str], width: int) -> str:
    """Join parts by two spaces, in lines of at most ``width`` columns if possible; indent all but the first."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f"  {part}"
        else:
            lines.append(f"    {part}" if lines else part)
    return "\n".join(lines)
