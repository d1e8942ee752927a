"""Readers of files from untrusted sources, each as a function of bytes that fails if its promise is broken.

The promise is a well-formed result, or an error of a known type that names the file; no other error, and no other
file in the folder afterwards.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn.data.download import fetch
from tinygrad_cnn.data.idx import MAX_BYTES, read_idx, write_idx
from tinygrad_cnn.data.kaggle import PIXELS, read_csv
from tinygrad_cnn.experiment.config import Config, ConfigError, read_ini
from tinygrad_cnn.storage.nested_state import digest
from tinygrad_cnn.storage.nested_state import packed as pack
from tinygrad_cnn.storage.safetensors import load_checkpoint, save_checkpoint
from tinygrad_cnn.training import EarlyStopping, Trainer
from tinygrad_cnn.training.progress import Progress

Reader = Callable[[bytes], Any]
"""Given the content of a file, returns what was read, or None if it was refused."""


def reader(read: Callable[[Path], Any], refusal: type[Exception] = ValueError) -> Reader:
    def attempt(content: bytes) -> Any:
        with TemporaryDirectory() as folder:
            path = Path(folder, "file")
            path.write_bytes(content)
            try:
                return read(path)
            except refusal as error:
                if str(path) not in str(error):
                    raise AssertionError("the error does not name the file") from error
                return None
            finally:
                assert [p.name for p in Path(folder).iterdir()] == ["file"]
                assert path.read_bytes() == content

    return attempt


def idx(path: Path) -> Any:
    array = read_idx(path)
    assert array.dtype.isnative
    assert array.nbytes <= MAX_BYTES
    return array


def kaggle(path: Path) -> Any:
    images, labels = read_csv(path, labelled=True)
    assert images.shape == (len(labels), 28, 28)
    assert 0 < len(labels) <= path.stat().st_size
    assert images.dtype == np.uint8
    assert labels.max() <= 9
    return images


def weights(path: Path) -> Any:
    found = tg.load(path)
    assert all(isinstance(name, str) and isinstance(tensor, tg.Tensor) for name, tensor in found.items())
    assert sum(tensor.array.nbytes for tensor in found.values()) <= 2 * path.stat().st_size  # bfloat16 as float32
    return found


def ini(path: Path) -> Any:
    """Read a configuration, write it to another file, and check that reading that file returns the same."""
    config = Config(**read_ini(path))
    with TemporaryDirectory() as folder:
        again = Path(folder, "config.ini")
        again.write_text(config.to_ini(), encoding="utf-8")
        assert Config(**read_ini(again)) == config
    return config


def header(content: bytes) -> Any:
    """Read weights with any bytes as header, its correct length before it and plausible numbers after it."""
    return READERS["safetensors"](safetensors(content, bytes(40)))


def small_trainer(seed: int) -> Trainer:
    tg.manual_seed(seed)
    model = tg.nn.Linear(1, 2)
    optimizer = tg.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    schedule = tg.optim.lr_scheduler.StepLR(optimizer, 2)
    trainer = Trainer(model, tg.nn.CrossEntropyLoss(), optimizer, schedule, [EarlyStopping()])
    trainer.running = Progress(np.arange(3), 0.1, 5)
    return trainer


def plain(state: Any) -> Any:
    """Return a state with lists in place of its tensors, so that it can be compared."""
    if isinstance(state, dict):
        return {key: plain(value) for key, value in state.items()}
    if isinstance(state, list):
        return [plain(value) for value in state]
    return state.tolist() if isinstance(state, tg.Tensor) else state


def packed(state: Any) -> tuple[str, dict[str, np.ndarray]]:
    """Return the text and the tensors of a checkpoint."""
    arrays: dict[str, np.ndarray] = {}
    return json.dumps(pack(state, "state", arrays)), arrays


def state(content: bytes) -> Any:
    """Load a forged checkpoint with a valid checksum: it fits a trainer, or leaves the trainer unchanged."""
    from safetensors.numpy import save

    text, arrays = content.decode("utf-8", "replace"), packed(small_trainer(1).state_dict())[1]
    trainer = small_trainer(0)
    before = plain(trainer.state_dict())
    forged = save(arrays, {"state": text, "sha256": digest(text, arrays)})
    found = READERS["checkpoint"](forged)
    if found is None:
        return None
    try:
        trainer.load_state_dict(found)
    except ValueError:
        if plain(trainer.state_dict()) != before:
            raise AssertionError("the trainer has changed") from None
        return None
    return trainer


SERVED = bytes(range(256))


def download(answer: bytes) -> Any:
    """Download from a server with this answer: the right file, or a ConnectionError and an empty folder."""
    with socket.create_server(("127.0.0.1", 0)) as server, TemporaryDirectory() as folder:

        def serve() -> None:
            with server.accept()[0] as client:
                client.settimeout(60)
                try:
                    while b"\r\n\r\n" not in client.recv(1 << 16):
                        pass
                    client.sendall(answer)
                    client.shutdown(socket.SHUT_WR)
                    client.recv(1)
                except OSError:
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        mirror = f"http://127.0.0.1:{server.getsockname()[1]}/"
        digest = hashlib.sha256(SERVED).hexdigest()
        try:
            return fetch("digits", digest, [mirror], folder, timeout=60, max_bytes=1 << 16).read_bytes()
        except ConnectionError as error:
            if f"{mirror}digits: " not in str(error) or list(Path(folder).iterdir()):
                raise AssertionError("the error does not name the mirror, or something was left") from error
            return None
        finally:
            thread.join(5)


READERS: dict[str, Reader] = {
    "idx": reader(idx),
    "kaggle": reader(kaggle),
    "safetensors": reader(weights),
    "checkpoint": reader(load_checkpoint),
    "ini": reader(ini, ConfigError),
    "download": download,
    "header": header,
    "state": state,
}


def _written(write: Callable[[Path], object]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "file.gz")
        write(path)
        return path.read_bytes()


def _samples() -> dict[str, list[bytes]]:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    zipped = _written(lambda path: write_idx(path, array))
    tensors = {"weight": tg.ones(2, 3), "mask": tg.tensor([True, False]), "none": tg.zeros(0)}
    state = {"model": {"weight": tg.arange(3.0)}, "epoch": 3, "rates": [0.1, None], "name": "é"}
    head = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 256\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n" + SERVED + b"\r\n0\r\n\r\n"
    return {
        "idx": [gzip.decompress(zipped), zipped],
        "kaggle": [",".join(["label", *PIXELS]).encode() + b"\n7" + 783 * b",0" + b",255\n"],
        "safetensors": [_written(lambda path: tg.save(tensors, path)), BFLOAT16],
        "checkpoint": [_written(lambda path: save_checkpoint(state, path))],
        "ini": [Config().to_ini().encode(), b"[training]\nepochs = 3 # so many\n; none\nseed: 1\n"],
        "download": [head + SERVED, chunked],
        "header": [json.dumps({"a": {"dtype": "F32", "shape": [2, 5], "data_offsets": [0, 40]}}).encode()],
        "state": [packed(small_trainer(1).state_dict())[0].encode()],
    }


def safetensors(header: object, body: bytes = b"") -> bytes:
    """Return a file with any header, given as bytes or as an object for JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


BFLOAT16 = safetensors({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, b"\x80\x3f\x49\xc0")
"""The numbers 1 and -3.140625."""

SAMPLES = _samples()
"""Files that each reader accepts."""
