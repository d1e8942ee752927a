"""What readers of files share: to read no more than is wanted, and to name a file of another format."""

from __future__ import annotations

from typing import Protocol

BEGINNING = 512
"""Bytes from the front of a file that suffice to tell."""

_HTML = "it is an HTML page, such as a server's error or a network's login page: download the file anew"

_MAGIC = (
    (b"\x93NUMPY", "it is an array of NumPy's: read it with tg.from_numpy(numpy.load(PATH))"),
    (b"\x1f\x8b", "it is compressed by gzip: unpack it first"),
    (b"\x80", "it looks like a pickle, which is never read: it could run code"),
    (b"\x89HDF", "it is an HDF5 file: read it with h5py"),
    (b"version https://git-lfs", "it is a pointer of Git LFS in place of the file: fetch it with git lfs pull"),
)

_NPZ = (
    "it is an .npz file of NumPy's: read it with "
    "{name: tg.from_numpy(array) for name, array in numpy.load(PATH).items()}"
)
_PICKLE_IN_ZIP = (
    "it looks like a pickle, which is never read: it could run code. Where PyTorch is installed, "
    "safetensors.torch.save_file(torch.load(PATH), NEW_PATH) makes a file that is read"
)


_PIECE = 1 << 18


class Readable(Protocol):
    """An open file of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, none at the end."""


def read_at_most(file: Readable, size: int) -> bytearray:
    """Read piece by piece, so that memory grows with what is there, not with what a header promises."""
    content = bytearray()
    while len(content) < size and (piece := file.read(min(size - len(content), _PIECE))):
        content += piece
    return content


def known_format(beginning: bytes | bytearray) -> str:
    """Return a sentence on a file that begins so, after a colon; nothing if it is of no known format.

    >>> from tinygrad_cnn.storage.reading import known_format
    >>> known_format(b"\\x1f\\x8b")
    ': it is compressed by gzip: unpack it first'
    """
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")[:100].lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--")):
        return f": {_HTML}"
    if beginning.startswith(b"PK"):
        first_name = beginning[30 : 30 + int.from_bytes(beginning[26:28], "little")]
        return f": {_NPZ if first_name.endswith(b'.npy') else _PICKLE_IN_ZIP}"
    return next((f": {said}" for magic, said in _MAGIC if beginning.startswith(magic)), "")
