"""Files and servers that are broken or mean harm: a named error or a well-formed result, and nothing else."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save as to_file

import tinygrad_cnn as tg
from tests.support.hostile import READERS, SAMPLES, safetensors
from tinygrad_cnn.data.download import fetch
from tinygrad_cnn.experiment.config import Config, ConfigError, read_ini
from tinygrad_cnn.storage.nested_state import digest
from tinygrad_cnn.storage.safetensors import load_checkpoint, save_checkpoint

CASES = [(name, sample) for name, samples in SAMPLES.items() for sample in samples]
IDS = [f"{name}-{samples.index(sample)}" for name, samples in SAMPLES.items() for sample in samples]
each_sample = pytest.mark.parametrize(("name", "sample"), CASES, ids=IDS)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, tg.Tensor):
        a, b = a.array, b.array
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


@each_sample
def test_samples_are_accepted(name: str, sample: bytes) -> None:
    assert READERS[name](sample) is not None


@each_sample
def test_any_byte_flipped(name: str, sample: bytes) -> None:
    """What has a checksum comes back as it was or is refused."""
    whole = READERS[name](sample)
    checked = name in ("checkpoint", "download") or sample.startswith(b"\x1f\x8b")
    end = sample.index(b"\r\n\r\n") + 12 if name == "download" else len(sample)
    places = range(0, end, {"state": 5, "kaggle": 101}.get(name, 1))
    for place in places:
        flipped = bytearray(sample)
        flipped[place] ^= (0x01, 0x20, 0x80, 0xFF)[place % 4]
        found = READERS[name](bytes(flipped))
        assert found is None or not checked or same(found, whole), place


@each_sample
def test_truncated_at_every_length(name: str, sample: bytes) -> None:
    lengths = range(0, len(sample), {"download": 7, "state": 5, "kaggle": 101}.get(name, 1))
    for length in lengths:
        found = READERS[name](sample[:length])
        assert found is None or name == "ini" or (name, length) == ("header", 0), length


@each_sample
@given(data=st.data())
def test_pieces_in_any_order(name: str, sample: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sample)), max_size=4)))
    pieces = [sample[a:b] for a, b in zip([0, *cuts], [*cuts, len(sample)], strict=True)]
    others = st.sampled_from([*pieces, b"\0" * 8, b"\xff" * 8, b"\r\n"]) | st.binary(max_size=8)
    READERS[name](b"".join(data.draw(st.lists(others, max_size=6))))


@pytest.mark.parametrize("name", READERS)
@given(content=st.binary(max_size=100))
def test_any_bytes_at_all(name: str, content: bytes) -> None:
    READERS[name](content)


# --- what means harm ---

F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
ONE = json.dumps(F32).encode()


def one(body: bytes, **changes: Any) -> bytes:
    """A file with one tensor, its description changed."""
    return safetensors({"a": {**F32, **changes}}, body)


HARMFUL = {
    "a name twice": (safetensors(b'{"a":%b,"a":%b}' % (ONE, ONE), bytes(4)), "a name comes twice"),
    "a field twice": (safetensors(b'{"a":%b}' % ONE.replace(b"{", b'{"shape":[2],'), bytes(4)), "duplicate"),
    "shared bytes": (safetensors({"a": F32, "b": F32}, bytes(4)), "invalid offset"),
    "a gap": (one(bytes(8), data_offsets=[4, 8]), "invalid offset"),
    "bytes to spare": (one(bytes(5)), "damaged"),
    "an overflow": (one(bytes(4), shape=[1 << 62, 4]), "overflow"),
    "nothing, hugely": (one(b"", shape=[0, 1 << 62], data_offsets=[0, 0]), "too big"),
    "100,000 dimensions": (one(bytes(4), shape=[1] * 100_000), "dimension"),
    "a promise of 16 EB": (struct.pack("<Q", (1 << 64) - 1) + b"{}", "header too large"),
    "a promise of 90 MB": (struct.pack("<Q", 90_000_000) + b"{}", "invalid header length"),
    "nested deeply": (safetensors(b"[" * 100_000), "not a safetensors file"),
    "half a truth": (one(b"\x02", dtype="BOOL", data_offsets=[0, 1]), "neither 0 nor 1"),
    "a type of others": (one(bytes(4), dtype="F8_E4M3", shape=[4]), "NumPy lacks"),
    "complex numbers": (one(bytes(8), dtype="C64", data_offsets=[0, 8]), "tensors lack"),
    "no metadata": (safetensors({"__metadata__": None}), "__metadata__ is None; wanted an object of strings"),
    "metadata of numbers": (safetensors({"__metadata__": {"a": 1}}), "wanted an object of strings"),
    "no object": (safetensors([]), "the header is a list; wanted an object"),
    "no type": (safetensors({"a": None}), "NumPy lacks"),
    "a list as type": (safetensors({"a": {"dtype": [0]}}), "NumPy lacks"),
    "a type alone": (safetensors({"a": "F32"}), "NumPy lacks"),
    "no offsets": (safetensors({"a": {"dtype": "F32"}}, bytes(4)), "damaged"),
    "strange offsets": (one(bytes(4), data_offsets=[True, 1e300]), "damaged"),
    "code": (b"cos\nsystem\n(S'touch pwned'\ntR.", "not a safetensors file"),
}


@pytest.mark.parametrize("harm", HARMFUL)
def test_weights_that_mean_harm_are_refused_in_little_memory(
    tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, message = HARMFUL[harm]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.safetensors").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"load: .*evil\.safetensors: .*{message}"):
            tg.load("evil.safetensors")
        assert tracemalloc.get_traced_memory()[1] < 20 * len(content) + (1 << 20)
    finally:
        tracemalloc.stop()
    assert [p.name for p in tmp_path.iterdir()] == ["evil.safetensors"]


@pytest.mark.parametrize("wrong", [{"dtype": "C64"}, {"dtype": "F8_E4M3"}])
@pytest.mark.parametrize("name", ["weights", "checkpoint"])
def test_a_wrong_type_is_refused_before_the_numbers_are_read(tmp_path: Path, wrong: Any, name: str) -> None:
    path = tmp_path / "file"
    size = 1 << 28
    header = {"a": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size], **wrong}}
    path.write_bytes(safetensors(header))
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size + size)

    def refused() -> None:
        with pytest.raises(ValueError, match="numbers of a type"):
            (tg.load if name == "weights" else load_checkpoint)(path)

    assert peak_of(refused) < 1 << 20


@pytest.mark.parametrize("seekable", [True, False])
@pytest.mark.parametrize("size", [0, 2, 1 << 20])
def test_no_more_is_read_than_the_header_promises(size: int, seekable: bool) -> None:
    class Reader(io.BytesIO):
        asked = 0

        def seekable(self) -> bool:
            return seekable

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size >= 0
            self.asked += size
            return super().read(size)

    head = safetensors({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}})
    assert tg.load(Reader(head + bytes(size)))["a"].shape == (size,)
    file = Reader(head + bytes(size) + bytes(1 << 24))
    with pytest.raises(ValueError, match="damaged"):
        tg.load(file)
    assert file.asked <= 512 + len(head) + size + 1


def forged(text: str, **arrays: np.ndarray) -> bytes:
    """A checkpoint with the right checksum."""
    return to_file(arrays, {"state": text, "sha256": digest(text, arrays)})


def peak_of(function: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_tensor_that_is_referred_to_many_times_takes_no_more_memory_than_the_file() -> None:
    content = forged("[" + ", ".join(['{"__tensor__": "a"}'] * 4000) + "]", a=np.zeros(1 << 18, np.float32))
    found: list[Any] = []
    assert peak_of(lambda: found.append(READERS["checkpoint"](content))) < 5 * len(content)
    assert found == [None]
    with pytest.raises(ValueError, match="BytesIO: the state refers to 'a', which is not there, or a second time"):
        tg.load(io.BytesIO(content))


def test_a_whole_checkpoint_takes_a_bounded_multiple_of_its_size(tmp_path: Path) -> None:
    save_checkpoint({str(i): tg.zeros(1 << 18) for i in range(16)}, tmp_path / "c")
    size = (tmp_path / "c").stat().st_size
    assert peak_of(lambda: load_checkpoint(tmp_path / "c")) < 2.5 * size
    tg.save({str(i): tg.zeros(1 << 18) for i in range(16)}, tmp_path / "w")
    assert peak_of(lambda: tg.load(tmp_path / "w")) < 2.5 * size


def test_names_that_climb_are_names_and_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x"
    path.parent.mkdir()
    path.write_bytes(safetensors({"../../climbed": F32}, bytes(4)))
    assert tg.load(path)["../../climbed"].tolist() == [0]
    assert [p.name for p in tmp_path.rglob("*")] == ["folder", "x"]


def test_weights_of_another_model_leave_a_model_as_it_was() -> None:
    model = tg.models.LeNet()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = {name: tg.zeros(tensor.shape) for name, tensor in before.items()}
    state["fc3.bias"] = tg.zeros(11)
    with pytest.raises(RuntimeError, match=r"nothing was loaded\n  fc3.bias: has shape \(11,\); wanted \(10,\)"):
        model.load_state_dict(state)
    assert all(same(before[name], tensor) for name, tensor in model.state_dict().items())


@given(
    text=st.sampled_from(["[" * 100_000, '{"items": 3}', '{"__tensor__": []}', '{"items": [[[], 1]]}', "9" * 9999])
)
def test_a_forged_checkpoint_with_the_right_checksum_is_refused_by_name(text: str) -> None:
    metadata = {"state": text, "sha256": digest(text, {})}
    assert READERS["checkpoint"](safetensors({"__metadata__": metadata})) is None


@pytest.mark.parametrize("name", ["output", "data_dir"])
@given(text=st.text(st.characters(codec="utf-8"), max_size=8) | st.text("a #;=:[]%\n\\'\"", max_size=8))
def test_a_configuration_comes_back_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, text: str
) -> None:
    try:
        config = Config(**{name: text})
    except ConfigError:
        return
    path = tmp_path_factory.mktemp("config") / "config.ini"
    path.write_text(config.to_ini(), encoding="utf-8")
    assert Config(**read_ini(path)) == config


@pytest.mark.parametrize("name", ["../digits", "a/../../digits", "/tmp/digits", "..", ""])
def test_a_download_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is not the plain name of a file"):
        fetch(name, "", ["http://127.0.0.1:1/"], tmp_path / "folder")
    assert not list(tmp_path.iterdir())


def test_a_bomb_in_a_bomb_is_as_harmless(tmp_path: Path) -> None:
    """A file that unpacks to a thousand times its size is read only as far as its header promises."""
    inner = bytes([0, 0, 8, 1]) + struct.pack(">I", 4) + bytes(1 << 24)
    for content in (gzip.compress(inner, 9), gzip.compress(gzip.compress(inner, 9), 9)):
        tracemalloc.start()
        try:
            assert READERS["idx"](content) is None
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()


def test_a_checkpoint_of_weights_that_are_not_numbers_comes_back(tmp_path: Path) -> None:
    """It is for training to refuse them; the file is as it was written."""
    save_checkpoint({"model": {"w": tg.tensor([float("nan"), float("inf")])}}, tmp_path / "c")
    assert np.isnan(READERS["checkpoint"]((tmp_path / "c").read_bytes())["model"]["w"].array[0])
