"""Archiving: the run that a folder holds is kept when the folder is wanted for another run."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
from pathlib import Path

from tinygrad_cnn.storage.atomic_files import errors_name

_FILES = (
    "config.ini", "checkpoint-*.safetensors", "history.csv", "history.jsonl", "metrics.json", "model.safetensors",
    "histograms.png", "provenance.json",
    "report.html", "accuracies.png", "architecture.png", "confusion.png", "feature-maps.png", "filters.png",
    "learning-rates.png", "losses.png", "mistakes.png", "samples.png", "seconds.png",
)  # fmt: skip


def archive(folder: Path) -> None:
    """Move the run that a folder holds, if it holds one, into a folder ``earlier-1`` (2, ...) in it.

    Only files that have the names of a run's are moved. An archived run can be resumed where it is. A kill at any
    moment leaves the run whole, in the folder or in the archive: the archive is gathered under another name and
    then renamed, and only then are the files removed from the folder, the configuration first.
    """
    gathered = folder / ".archiving"
    shutil.rmtree(gathered, ignore_errors=True)
    if not (folder / "config.ini").exists():
        _finish_removal(folder)
    files = _files_of_run(folder)
    if not files:
        return
    numbers = _numbers_of_archives(folder)
    kept = folder / f"earlier-{max(numbers, default=0) + 1}"
    with errors_name(kept, gathered):
        gathered.mkdir()
        for path in files:
            _link_or_copy(path, gathered / path.name)
        gathered.rename(kept)
    for path in files:
        path.unlink()
    print(f"the run that was in {folder} is in {kept} now")


def _files_of_run(folder: Path) -> list[Path]:
    return [path for pattern in _FILES for path in folder.glob(pattern)]


def _numbers_of_archives(folder: Path) -> list[int]:
    names = (path.name for path in folder.glob("earlier-*"))
    return [int(match[1]) for name in names if (match := re.fullmatch(r"earlier-(\d+)", name))]


def _finish_removal(folder: Path) -> None:
    """Remove files that the newest archive holds too: a process was killed before it had removed all of them."""
    numbers = _numbers_of_archives(folder)
    for path in _files_of_run(folder) if numbers else []:
        kept = folder / f"earlier-{max(numbers)}" / path.name
        if kept.is_file() and filecmp.cmp(path, kept, shallow=False):
            path.unlink()


def _link_or_copy(path: Path, target: Path) -> None:
    """Give a file a second name, which takes no room; copy it where the file system has no hard links."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copy2(path, target)
