"""Weights go through files unchanged; files are written whole or not at all, and bad ones are named."""

import gzip
import io
import json
import os
import pickle
import zipfile
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_cnn as tg


def local_class():
    class Local(tg.nn.Module):
        pass

    return Local


Local = local_class()


def with_attribute(value):
    module = tg.nn.Identity()
    module.attribute = value
    return module


DTYPES = [tg.float16, tg.float32, tg.float64, tg.int8, tg.int16, tg.int32, tg.int64, tg.uint8, tg.bool_]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(min_size=1).filter(lambda name: name != "__metadata__"),
        st.sampled_from(DTYPES).flatmap(
            lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
        ),
        max_size=4,
    )
)
def test_what_is_saved_comes_back_to_the_bit(folder, arrays):
    path = folder / "any.safetensors"
    tg.save({name: tg.from_numpy(a.T) for name, a in arrays.items()}, path)
    loaded = tg.load(path)
    assert loaded.keys() == arrays.keys()
    for name, a in arrays.items():
        assert loaded[name].dtype == a.dtype
        assert loaded[name].shape == a.T.shape
        assert loaded[name].numpy().tobytes() == a.T.tobytes()


def test_any_memory_order_and_byte_order_is_saved_by_its_values(tmp_path):
    big = np.arange(6.0).reshape(2, 3)
    for array in (big.T, big[:, ::-1], big[:, 1], big.astype(">f8")):
        tg.save({"x": tg.as_tensor(array)}, tmp_path / "x")
        assert np.array_equal(tg.load(tmp_path / "x")["x"].numpy(), array)


def test_a_model_comes_back_and_its_file_is_the_same_every_time(tmp_path):
    model, other = tg.models.LeNet(), tg.models.LeNet()
    for name in "ab":
        tg.save(model.state_dict(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    other.load_state_dict(tg.load(str(tmp_path / "a")))
    x = tg.randn(2, 1, 28, 28)
    assert np.array_equal(model(x).detach().numpy(), other(x).detach().numpy())


@pytest.mark.parametrize(
    "state",
    [
        {"model": {"weight": tg.ones(2)}, "epoch": 3, "best": 0.5, "tag": "a", "none": None, "done": True},
        {"state": {0: {"step": 1, "exp_avg": tg.zeros(2)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]},
        {"__metadata__": tg.ones(1)},
        [tg.ones(1), [2, "b"], (3, (4,)), {5}],
        {"array": np.arange(3), "at": Path("a/b"), "args": Namespace(lr=0.1, on=True), "type": tg.int64},
        {"simple": SimpleNamespace(a=1), "device": tg.device("cpu")},
        tg.ones(3),
        7,
    ],
)
def test_nested_state_comes_back(tmp_path, state):
    tg.save(state, tmp_path / "state.pt")
    assert repr(tg.load(tmp_path / "state.pt", map_location="cpu", weights_only=True)) == repr(state)


def test_open_files_and_buffers_serve_too(tmp_path):
    buffer = io.BytesIO()
    tg.save({"x": tg.ones(2)}, buffer)
    buffer.seek(0)
    assert tg.load(buffer)["x"].tolist() == [1, 1]
    (tmp_path / "broken").write_bytes(b"PK\x03\x04")
    with (
        open(tmp_path / "broken", "rb") as file,
        pytest.raises(ValueError, match=r"broken.*a pickle, which is never"),
    ):
        tg.load(file)


def test_a_nested_state_that_was_changed_is_refused(tmp_path):
    tg.save({"epoch": 3, "x": tg.zeros(1)}, tmp_path / "x")
    whole = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(whole[:-1] + b"\x01")
    with pytest.raises(ValueError, match="checksum"):
        tg.load(tmp_path / "x")


def test_loaded_tensors_own_their_memory(tmp_path):
    tg.save({"a": tg.ones(2), "b": tg.ones(2)}, tmp_path / "x")
    loaded = tg.load(tmp_path / "x")
    loaded["a"].zero_()
    assert loaded["a"].array.flags.owndata
    assert loaded["b"].tolist() == [1, 1]


def test_other_libraries_read_the_files(tmp_path):
    from safetensors.numpy import load_file

    tg.save({"x": tg.ones(2, 3)}, tmp_path / "x")
    assert load_file(tmp_path / "x")["x"].shape == (2, 3)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"x": np.array(["a"])}, "state.x is an array of <U1; wanted numbers"),
        (
            {"optimizer": tg.optim.SGD([tg.nn.Parameter([1.0])], 0.1)},
            r"a SGD; .*, not the object itself but its state",
        ),
        ({(1, 2): tg.ones(1)}, r"state has the key \(1, 2\)"),
        ({"seen": object()}, "state.seen is a object"),
        (tg.nn.Sequential(Local()), r"state.0 is a .*Local, a class inside a function; save its state_dict\(\)"),
        (with_attribute(lambda x: x), "state.attribute is a function; wanted tensors"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_an_older_file_stays(tmp_path, state, message):
    path = tmp_path / "x"
    tg.save({"x": tg.ones(1)}, path)
    with pytest.raises(TypeError, match=f"save: .*{message}"):
        tg.save(state, path)
    assert os.listdir(tmp_path) == ["x"]
    assert tg.load(path)["x"].tolist() == [1]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "x"
    tg.save({"x": tg.ones(1)}, path)

    def fail(*_):
        raise OSError("disk full")

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, step, fail)
            with pytest.raises(OSError, match="disk full"):
                tg.save({"x": tg.zeros(1)}, path)
        assert os.listdir(tmp_path) == ["x"]
        assert tg.load(path)["x"].tolist() == [1]


def test_damaged_and_foreign_files_are_named(tmp_path):
    path = tmp_path / "broken.safetensors"
    tg.save({"x": tg.ones(4)}, path)
    whole = path.read_bytes()
    complex64 = whole.replace(b'"F32"', b'"C64"').replace(b"[4]", b"[2]")
    for content in (
        complex64,
        b"",
        b"PK\x03\x04 not one",
        whole[:-1],
        whole[:20],
        whole + b"\0",
        b"\xff" * 64,
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"load: .*broken\.safetensors"):
            tg.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        tg.load(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        tg.save({}, Path(tmp_path / "nowhere" / "x"))


@settings(deadline=None)
@given(bits=hnp.arrays(np.uint16, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)))
def test_bfloat16_comes_as_float32_to_the_bit(bits):
    offsets = {"dtype": "BF16", "shape": bits.shape, "data_offsets": [0, bits.nbytes]}
    header = json.dumps({"x": offsets}).encode()
    file = io.BytesIO(len(header).to_bytes(8, "little") + header + bits.astype("<u2").tobytes())
    found = tg.load(file)["x"].numpy()
    assert found.dtype == np.float32
    assert found.shape == bits.shape
    np.testing.assert_array_equal(found.reshape(-1).view(np.uint32), bits.astype(np.uint32).reshape(-1) << 16)


def test_weights_of_numpy_pytorch_and_others_in_any_type_that_there_is(tmp_path):
    """float16 stays float16, and fits a model of float32."""
    model = tg.nn.Linear(2, 1)
    tg.save({"weight": tg.tensor([[1.5, -2.0]]).half(), "bias": tg.tensor([3.0]).half()}, tmp_path / "half")
    state = tg.load(tmp_path / "half")
    assert state["weight"].dtype == tg.float16
    model.load_state_dict(state)
    assert model.weight.tolist() == [[1.5, -2.0]]


def zipped(name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"x")
    return buffer.getvalue()


def saved_by_numpy(save):
    buffer = io.BytesIO()
    save(buffer, np.ones(2))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (saved_by_numpy(np.savez), r"an \.npz file of NumPy's: read it with \{name: .* numpy\.load\(PATH\)"),
        (saved_by_numpy(np.savez_compressed), r"an \.npz file of NumPy's"),
        (saved_by_numpy(np.save), r"an array of NumPy's: read it with tg\.from_numpy\(numpy\.load\(PATH\)\)"),
        (zipped("archive/data.pkl"), "looks like a pickle, which is never read: it could run code. Where PyTorch"),
        (pickle.dumps({"a": [1] * 10}), "looks like a pickle, which is never read"),
        (b"<!DOCTYPE html><html>404</html>", "an HTML page, such as a server's error or a network's login page"),
        (b"\r\n  <html lang='en'>" + b" " * 500, "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS .* git lfs pull"),
        (gzip.compress(b"x" * 100, mtime=0), "compressed by gzip: unpack it first"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file"),
    ],
)
def test_a_file_of_another_format_is_named_with_the_way_to_read_it(tmp_path, content, message):
    (tmp_path / "weights").write_bytes(content)
    with pytest.raises(ValueError, match=f"load: .*weights: .*not a safetensors file: .*{message}"):
        tg.load(tmp_path / "weights")
