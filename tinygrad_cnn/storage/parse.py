"""Safetensors files into arrays: nothing in a file is believed unchecked.

Format (https://github.com/huggingface/safetensors#format): the length of the header, 8 bytes, little-endian; the
header, JSON that gives the type, the shape and the place of the bytes of each tensor; the bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from tinygrad_cnn.storage.reading import BEGINNING, known_format, read_at_most
from tinygrad_cnn.typing import Array

TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip

MAX_HEADER = 100_000_000
"""Bytes that a header may have, as in the library of the format."""


def parse(file: IO[bytes]) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays and the metadata that a file holds. Raises ValueError if it is not a safetensors file.

    The header is checked before anything after it is read, and no more is read than it promises, and one byte.
    Whatever it promises, memory is taken for what is there.
    """
    from safetensors import SafetensorError, deserialize

    content = read_at_most(file, BEGINNING)
    try:
        header = _read_header(file, content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"damaged or not a safetensors file: {error}{known_format(content)}") from error
    for name, described in header.items():
        (_check_metadata if name == "__metadata__" else _check_type)(name, described)
    whole = _first(file, _promised(content, header) + 1, content)
    try:  # this checks shapes, and that the tensors' bytes are all that there is
        found = deserialize(whole)  # type: ignore[no-untyped-call]
        del whole
        arrays = {name: _array(name, **tensor) for name, tensor in found}
    except (SafetensorError, ValueError, TypeError) as error:
        raise ValueError(f"damaged: {error}") from error
    return arrays, header.get("__metadata__", {})


def _read_header(file: IO[bytes], content: bytearray) -> dict[str, Any]:
    """Read the rest of the header, and return what it says."""
    if len(content) < 8:
        raise ValueError(f"there are {len(content)} bytes; wanted 8 that give the length of a header")
    length = int.from_bytes(content[:8], "little")
    if length > MAX_HEADER:
        raise ValueError(f"header too large: it is to have {length} bytes; wanted at most {MAX_HEADER}")
    content += read_at_most(file, 8 + length - len(content))
    if len(content) < 8 + length:
        raise ValueError(f"invalid header length: it is to have {length} bytes; there are {len(content) - 8}")
    header = json.loads(content[8 : 8 + length], object_pairs_hook=_unique)
    if not isinstance(header, dict):
        raise ValueError(f"the header is a {type(header).__name__}; wanted an object")
    return header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise ValueError(f"a name comes twice: {name!r:.60} is a duplicate")
        result[name] = value
    return result


def _check_metadata(name: str, given: Any) -> None:
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise ValueError(f"damaged: {name} is {given!r:.60}; wanted an object of strings")


def _check_type(name: str, described: Any) -> None:
    dtype = described.get("dtype") if isinstance(described, dict) else None
    if not isinstance(dtype, str) or dtype not in TYPES:
        of = "tensors lack" if dtype == "C64" else "NumPy lacks"
        raise ValueError(
            f"has numbers of a type that {of}: {name!r:.60} is {dtype!r:.60}; wanted one of {', '.join(TYPES)}"
        )


def _promised(content: bytearray, header: Mapping[str, Any]) -> int:
    """Return how many bytes a file has by its header's account, as far as that makes sense."""
    ends = [described.get("data_offsets") for name, described in header.items() if name != "__metadata__"]
    pairs = (end for end in ends if isinstance(end, list) and len(end) == 2 and type(end[1]) is int)
    return 8 + int.from_bytes(content[:8], "little") + max((end for _, end in pairs), default=0)


def _first(file: IO[bytes], size: int, content: bytearray) -> bytes:
    """Return the first bytes of a file, or fewer if there are fewer, some of which were read already.

    Where there is a way back, they are read at once: to put pieces together takes a copy, and twice the memory.
    """
    if not file.seekable():
        return bytes(content + read_at_most(file, size - len(content)))
    start = file.tell() - len(content)
    there = file.seek(0, os.SEEK_END) - start
    file.seek(start)
    return file.read(min(size, there))


def _array(name: str, dtype: str, shape: list[int], data: bytearray) -> Array:
    """Return the numbers of a tensor in this machine's byte order; bfloat16 is the upper half of a float32."""
    numbers = np.frombuffer(data, TYPES[dtype])
    if dtype == "BOOL" and numbers.view(np.uint8).max(initial=0) > 1:
        raise ValueError(f"{name!r:.60} has a truth value that is neither 0 nor 1")
    if dtype == "BF16":
        numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
    return numbers.astype(numbers.dtype.newbyteorder("="), copy=False).reshape(shape)
