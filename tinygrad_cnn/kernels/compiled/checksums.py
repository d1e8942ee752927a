"""The machine code that Numba keeps on disk: where it is, and whether it is as it was written.

Numba runs what it finds. So a file beside the code lists the checksum of each of its files, once all are there.
Code that differs from the list is deleted and compiled anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path

from numba import config
from numba.core.caching import FunctionCache

from tinygrad_cnn.kernels.compiled.cache import delete_older

LIST = "tinygrad_cnn-checksums.json"


def folder() -> Path:
    """Return the folder of the machine code; raise an error if Numba compiles nothing or can keep nothing."""
    if config.DISABLE_JIT:
        raise ImportError("NUMBA_DISABLE_JIT is set")
    try:
        return Path(FunctionCache(folder).cache_path)
    except RuntimeError as error:
        raise ImportError(
            "there is no folder to keep machine code in; set NUMBA_CACHE_DIR to one that can be written"
        ) from error


def delete_damaged() -> None:
    """Delete all machine code if some of it is not as the list says."""
    place = folder()
    found, listed = _checksums(place), _listed(place)
    if all(found.get(name, checksum) == checksum for name, checksum in listed.items()):
        return
    warnings.warn(f"{place}: the machine code there is damaged; it is compiled anew", stacklevel=2)
    for name in (LIST, *found):  # the list first: a process that starts now takes no notice of what is left
        (place / name).unlink(missing_ok=True)


def note_intact() -> None:
    """List the checksums of the machine code, which was compiled or loaded just now."""
    place = folder()
    found = _checksums(place)
    if found != _listed(place):
        part = place / f"{LIST}.{os.getpid()}"
        part.write_text(json.dumps(found), encoding="utf-8")
        part.replace(place / LIST)
        delete_older(place)


def _checksums(place: Path) -> dict[str, str]:
    files = [path for path in place.glob("*") if path.suffix in (".nbi", ".nbc")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _listed(place: Path) -> dict[str, str]:
    """Return the list of checksums: empty if there is none, or if it cannot be read."""
    try:
        listed = json.loads((place / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return listed if isinstance(listed, dict) else {}
