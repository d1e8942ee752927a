"""The callback that shows a run in a notebook while it trains."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from typing import Any

from tinygrad_cnn.support.html import history_html
from tinygrad_cnn.training.callbacks import Callback, Training
from tinygrad_cnn.training.history import Epoch

EVERY = 0.25  # seconds between two pictures


class LiveCurve(Callback):
    """Shows a bar for the epoch that is under way, and the curves of loss and metrics, in a notebook's cell.

    ``Trainer(..., callbacks=[LiveCurve()])`` needs IPython, which every notebook has. The bar knows its length from
    the second epoch on. Elsewhere than in a notebook, give ``show``: it is called with the HTML of each state.

    >>> import tinygrad_cnn as tg
    >>> from tinygrad_cnn.training import LiveCurve, Trainer
    >>> model, shown = tg.nn.Linear(1, 1), []
    >>> optimizer = tg.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = Trainer(model, tg.nn.MSELoss(), optimizer, callbacks=[LiveCurve(shown.append)], metric=None)
    >>> history = trainer.fit([(tg.ones(2, 1), tg.ones(2, 1))], epochs=2)
    >>> "<svg" in shown[-1]
    True
    """

    def __init__(self, show: Callable[[str], Any] | None = None) -> None:
        self.show = show
        self._update: Callable[[str], Any] = show or (lambda html: None)
        self._batches: int | None = None  # of an epoch, once one has ended
        self._done = 0
        self._shown = 0.0

    def on_fit_start(self, trainer: Training) -> None:
        """Open the place in the cell."""
        self._update = self.show or _opened()
        self._shown = time.perf_counter()

    def on_step_end(self, trainer: Training) -> None:
        """Show the batches so far and their means, a few times each second."""
        now = time.perf_counter()
        self._done = 0 if trainer.running is None else trainer.running.batches
        if trainer.running is None or now - self._shown < EVERY:
            return
        self._shown = now
        done, score = self._done, trainer.running.totals.score()
        means = ", ".join(f"{name} {value:.4f}" for name, value in {"loss": score.loss, **score.metrics}.items())
        length = "" if self._batches is None else f' value="{done}" max="{self._batches}"'
        bar = f"<progress{length}></progress> epoch {len(trainer.history) + 1}, batch {done}: {escape(means)}"
        self._update(f"<div>{bar}{history_html(trainer.history)}</div>")

    def on_epoch_end(self, trainer: Training, epoch: Epoch) -> None:
        """Show the curves with the epoch that has ended."""
        self._batches = self._done
        self._update(history_html(trainer.history))

    def on_fit_end(self, trainer: Training) -> None:
        """Show the curves without a bar."""
        self._update(history_html(trainer.history))


def _opened() -> Callable[[str], Any]:
    """Return a function that shows HTML in the cell that is running, in the place of what it showed before."""
    try:
        from IPython.display import HTML, display
    except ImportError:
        raise ModuleNotFoundError(
            "LiveCurve needs IPython, which comes with a notebook: pip install ipython"
        ) from None
    place = display(HTML(""), display_id=True)
    if place is None:  # no cell is running
        raise RuntimeError("LiveCurve: no notebook is running; wanted one, or a function: LiveCurve(show)")
    return lambda html: place.update(HTML(html))
