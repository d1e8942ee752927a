"""Files of machine code: a checksum, a line that says what is in the file, and object code."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple


class Damaged(ValueError):
    """A file of machine code is not as it was written."""


class Code(NamedTuple):
    """Machine code: its functions by name, each with its symbol, symbols that it needs, and object files."""

    functions: dict[str, str]
    needs: list[str]
    objects: list[bytes]


def write_code(path: Path, code: Code) -> None:
    """Write a file of machine code, which nobody sees until it is complete."""
    head = json.dumps([code.functions, code.needs, [len(data) for data in code.objects]])
    content = b"\n".join([head.encode(), b"".join(code.objects)])
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_bytes(_checksum(content) + b"\n" + content)
    part.replace(path)


def read_code(path: Path) -> Code:
    """Read a file of machine code; raise `Damaged` if it is not as it was written."""
    checksum, _, content = path.read_bytes().partition(b"\n")
    if checksum != _checksum(content):
        raise Damaged(f"{path}: the machine code there is damaged")
    head, _, data = content.partition(b"\n")
    functions, needs, sizes = json.loads(head)
    objects = []
    for size in sizes:
        objects.append(data[:size])
        data = data[size:]
    return Code(functions, needs, objects)


def _checksum(content: bytes) -> bytes:
    return sha256(content).hexdigest().encode()
