"""Writes that leave a whole file or none, and locks on folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that replaces ``path`` when the block ends, and is removed if the block fails.

    Its content and then its name are forced to the disk: after a power cut there is the new file or the old one. An
    OSError names ``path``, not the temporary file.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    with errors_name(path, temporary):
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_names(path.parent)
        except BaseException:
            with suppress(OSError):  # such as a parent that is no folder: the first error is the one to report
                temporary.unlink(missing_ok=True)
            raise


@contextmanager
def errors_name(path: Path, temporary: Path) -> Iterator[None]:
    """Have an OSError of the block name ``path`` where it names no file, or ``temporary`` or something in it."""
    try:
        yield
    except OSError as error:
        name = error.filename
        named = isinstance(name, (str, bytes)) and Path(os.fsdecode(name)).is_relative_to(temporary)
        if error.errno is not None and (name is None or named):
            error.filename = os.fspath(path)
            del error.filename2
        raise


def _sync_names(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and names are journalled
        with _opened(folder) as descriptor, _ignore_unsupported():
            os.fsync(descriptor)


@contextmanager
def _ignore_unsupported() -> Iterator[None]:
    """Ignore that a file system, such as a network's, does not support a call for folders."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP):
            raise


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove what a process killed within `atomic_write` left in a folder; no other may be writing there."""
    for part in folder.glob(".*.part"):
        part.unlink()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have a folder to oneself within the block; the system lets go of it when the process ends, however it ends.

    Raises BlockingIOError if somebody else has it. Where the system has no such locks, this does nothing.
    """
    if os.name != "posix":
        yield
        return
    import fcntl

    with _opened(folder) as descriptor:
        try:
            with _ignore_unsupported():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"{folder}: another run is at work there; wait for it, or end it") from None
        yield
