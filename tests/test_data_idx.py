"""IDX files: what is written comes back, and no file, however damaged, gives more than an error that names it."""

from __future__ import annotations

import gzip
import struct
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_cnn.data import idx
from tinygrad_cnn.data.idx import CODES, MAX_BYTES, read_idx, write_idx

ENDINGS = ("", ".gz")
dtypes = st.sampled_from(sorted(CODES, key=str)).flatmap(lambda d: st.sampled_from([d, d.newbyteorder(">")]))
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4))


def header(code: int, *shape: int) -> bytes:
    return bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


def read_or_refused(path: Path) -> np.ndarray | None:
    """Return the array, or None for a file refused by an error that begins with its name; no other error passes."""
    try:
        return read_idx(path)
    except ValueError as error:
        if not str(error).startswith(f"{path}: "):
            raise
        return None


@settings(deadline=None)
@given(array=arrays, ending=st.sampled_from(ENDINGS))
def test_what_is_written_comes_back_in_native_order(array: np.ndarray, ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a{ending}")
        write_idx(path, array)
        assert path.read_bytes().startswith(b"\x1f\x8b" if ending else b"\0\0")
        found = read_idx(path)
        assert [p.name for p in Path(folder).iterdir()] == [path.name]
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.dtype.isnative
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array)


def test_layout_of_the_file_is_the_documented_one(tmp_path: Path) -> None:
    write_idx(tmp_path / "a", np.array([[1, -2, 3]], np.int16))
    assert (tmp_path / "a").read_bytes() == bytes.fromhex("00000b02 00000001 00000003 0001 fffe 0003")


@pytest.mark.parametrize("code", [8, 9, 11, 12, 13, 14])
def test_every_type_code_is_read_big_endian(tmp_path: Path, code: int) -> None:
    letter = {8: "B", 9: "b", 11: "h", 12: "i", 13: "f", 14: "d"}[code]
    (tmp_path / "a").write_bytes(header(code, 3) + struct.pack(f">3{letter}", 1, 2, 100))
    assert read_idx(tmp_path / "a").tolist() == [1, 2, 100]


def test_compression_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    write_idx(tmp_path / "a.gz", np.arange(3, dtype=np.uint8))
    (tmp_path / "a.gz").rename(tmp_path / "packed")
    write_idx(tmp_path / "raw", np.arange(3, dtype=np.uint8))
    (tmp_path / "raw").rename(tmp_path / "raw.gz")
    assert read_idx(tmp_path / "packed").tolist() == read_idx(tmp_path / "raw.gz").tolist() == [0, 1, 2]


def test_same_array_gives_the_same_file_at_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, now in (("a.gz", 1e9), ("b.gz", 2e9)):
        monkeypatch.setattr("time.time", lambda now=now: now)
        write_idx(tmp_path / name, np.arange(100, dtype=np.int32))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


@pytest.mark.parametrize("ending", ENDINGS)
def test_truncation_at_every_length_names_the_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"digits{ending}"
    write_idx(path, np.arange(24, dtype=np.int32).reshape(2, 3, 4))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=f"digits{ending}: "):
            read_idx(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_bytes_after_the_end_are_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"digits{ending}"
    write_idx(path, np.arange(24, dtype=np.uint8))
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ValueError, match=f"digits{ending}: "):
        read_idx(path)


def test_header_with_any_byte_changed_is_read_whole_or_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "digits"
    write_idx(path, np.arange(6, dtype=np.uint8).reshape(2, 3))
    whole = path.read_bytes()
    accepted = []
    for place in range(12):
        for value in set(range(256)) - {whole[place]}:
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            if read_or_refused(path) is not None:
                accepted.append((place, value))
    assert accepted == [(2, 9)]  # signed bytes are as long as unsigned ones


def test_gzip_file_with_any_byte_changed_gives_the_array_or_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "digits.gz"
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(path, array)
    whole = path.read_bytes()
    refused = 0
    for place in range(len(whole)):
        for flip in (0x01, 0x10, 0x80, 0xFF):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            found = read_or_refused(path)
            if found is None:
                refused += 1
            else:
                np.testing.assert_array_equal(found, array)
    assert refused > 2 * len(whole)


@settings(deadline=None)
@given(content=st.one_of(st.binary(max_size=40), st.binary(max_size=40).map(lambda b: b"\0\0\x08" + b)))
def test_foreign_files_are_refused_by_name(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "foreign")
        for data in (content, b"\x1f\x8b" + content, gzip.compress(content)):
            path.write_bytes(data)
            found = read_or_refused(path)
            assert found is None or found.nbytes <= len(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file: it is empty; wanted 00 00"),
        (b"PK\x03\x04", "begins with 50 4b 03 04"),
        (header(7, 1) + b"x", "begins with 00 00 07 01; .* a type \\(08, 09, 0b"),
        (header(8), "0 dimensions; wanted 1 to 64"),
        (header(8, *[1] * 65) + b"x", "65 dimensions; wanted 1 to 64"),
        (header(8, 2, 3)[:-1], "header is incomplete: 7 bytes for 2 dimensions"),
        (header(8, 2, 3) + b"12345", r"promises 6 bytes for \(2, 3\) of uint8; there are 5"),
        (header(8, 2, 3) + b"1234567", "promises 6 bytes .* there are more"),
        (header(8, 1 << 16, 1 << 16), f"wanted at most {MAX_BYTES} bytes"),
        (header(14, *[(1 << 32) - 1] * 64), f"wanted at most {MAX_BYTES} bytes"),
        (header(14, 0, *[(1 << 32) - 1] * 3), f"wanted at most {MAX_BYTES} bytes"),
    ],
)
@pytest.mark.parametrize("ending", ENDINGS)
def test_message_says_what_there_is_and_what_was_wanted(
    tmp_path: Path, content: bytes, message: str, ending: str
) -> None:
    path = tmp_path / f"digits{ending}"
    path.write_bytes(gzip.compress(content) if ending else content)
    with pytest.raises(ValueError, match=message):
        read_idx(path)


def peak_of_refusal(path: Path) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="promises"):
            read_idx(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_gzip_bomb_takes_no_memory(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bomb", "wb", compresslevel=1) as file:
        file.write(header(8, 4))
        for _ in range(64):
            file.write(bytes(1 << 20))
    assert peak_of_refusal(tmp_path / "bomb") < 4 << 20


@pytest.mark.parametrize("ending", ENDINGS)
def test_promise_of_much_takes_no_memory_where_there_is_little(tmp_path: Path, ending: str) -> None:
    content = header(8, MAX_BYTES) + bytes(100)
    (tmp_path / "promise").write_bytes(gzip.compress(content) if ending else content)
    assert peak_of_refusal(tmp_path / "promise") < 4 << 20


@pytest.mark.parametrize(
    "array", [np.zeros(3, np.int64), np.zeros(3, bool), np.zeros(3, np.float16), np.array(["a"])]
)
def test_types_that_idx_lacks_are_not_written(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(ValueError, match=f"a: IDX has no type for {array.dtype}; wanted one of uint8, int8"):
        write_idx(tmp_path / "a", array)
    assert not list(tmp_path.iterdir())


def test_what_would_not_be_read_is_not_written(tmp_path: Path) -> None:
    for array in (np.array(1, np.uint8), np.broadcast_to(np.uint8(0), (MAX_BYTES + 1,))):
        with pytest.raises(ValueError, match=r"a: .*wanted"):
            write_idx(tmp_path / "a", array)
    assert not list(tmp_path.iterdir())


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(tmp_path / "a", np.arange(3, dtype=np.uint8))

    def full_disk(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_idx(tmp_path / "a", np.zeros(9, np.uint8))
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert read_idx(tmp_path / "a").tolist() == [0, 1, 2]


@pytest.mark.parametrize("code", [13, 14, 11, 8])
@pytest.mark.parametrize("ending", ENDINGS)
def test_memory_is_that_of_the_array_that_results(tmp_path: Path, code: int, ending: str) -> None:
    """Numbers are brought into this machine's order where they are."""
    count = (1 << 24) // idx.TYPES[code].itemsize
    content = header(code, count) + bytes(1 << 24)
    (tmp_path / "a").write_bytes(gzip.compress(content, 1) if ending else content)
    tracemalloc.start()
    try:
        assert read_idx(tmp_path / "a").nbytes == 1 << 24
        assert tracemalloc.get_traced_memory()[1] < 1.2 * (1 << 24)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("dtype", "shape", "message"),
    [
        (np.uint8, None, r"has float32 of shape \(4194304,\); wanted uint8$"),
        (None, (3,), r"wanted \(3,\)$"),
        (None, (None, 28, 28), r"wanted \(N, 28, 28\)$"),
        (np.float64, (None,), r"wanted float64 \(N,\)$"),
    ],
)
def test_type_and_shape_are_looked_at_before_the_numbers_are_read(
    tmp_path: Path, ending: str, dtype: type, shape: tuple[int | None, ...], message: str
) -> None:
    content = header(13, 1 << 22) + bytes(1 << 24)
    (tmp_path / "a").write_bytes(gzip.compress(content, 1) if ending else content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            read_idx(tmp_path / "a", dtype, shape)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert read_idx(tmp_path / "a", np.float32, (None,)).dtype == np.float32


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><html>", b"\n<html><head>", b'<?xml version="1.0"?><Error>'])
def test_an_html_page_in_place_of_a_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "digits.gz").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"digits\.gz: not an IDX file: .*: it is an HTML page, .* login page: download"
    ):
        read_idx(tmp_path / "digits.gz")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere")


def test_limit_is_what_the_array_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "MAX_BYTES", 8)
    write_idx(tmp_path / "a", np.arange(2, dtype=np.int32))
    assert read_idx(tmp_path / "a").tolist() == [0, 1]
    with pytest.raises(ValueError, match="wanted at most 8 bytes"):
        write_idx(tmp_path / "a", np.arange(3, dtype=np.int32))
