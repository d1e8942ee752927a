"""A run's folder that is wanted for another run: what it holds is kept."""

from __future__ import annotations

from itertools import count
from pathlib import Path

_FILES = (
    "config.ini", "checkpoint-*.safetensors", "history.csv", "history.jsonl", "metrics.json", "model.safetensors",
    "report.html", "accuracies.png", "architecture.png", "confusion.png", "feature-maps.png", "filters.png",
    "learning-rates.png", "losses.png", "mistakes.png", "samples.png", "seconds.png",
)  # fmt: skip


def archive(folder: Path) -> None:
    """Move the files of the run that a folder holds, if it holds one, into a folder ``earlier-1`` (2, ...) in it.

    Only files that have the names of a run's are moved. A run that was set aside can be resumed there. The
    configuration is moved first, so that no run is ever resumed with another's, wherever this is cut short.
    """
    found = [path for pattern in _FILES for path in folder.glob(pattern)]
    if not found:
        return
    aside = next(path for i in count(1) if not (path := folder / f"earlier-{i}").exists())
    aside.mkdir()
    for path in found:
        path.replace(aside / path.name)
    print(f"the run that was in {folder} is in {aside} now")
