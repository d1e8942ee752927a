"""Whole modules in files: class names and attributes, no code, and no class that is not declared safe."""

from __future__ import annotations

import copy
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tests.support.module_cases import CASES as MODULES
from tests.support.module_cases import ModuleCase
from tinygrad_cnn.storage.nested_state import digest, from_bytes, packed
from tinygrad_cnn.storage.objects import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals

nn = tg.nn
TOP = Path(__file__).parents[1]


class Tied(nn.Module):
    """Shares a weight and a module, and has attributes of many kinds."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, width)
        self.out = nn.Linear(width, 5, bias=False)
        self.out.weight = self.embedding.weight
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width))])
        self.again = self.blocks[0]
        self.register_buffer("mask", tg.tril(tg.ones(width, width)))
        self._plain = [nn.Tanh()]
        self.activation = F.gelu
        self.kind = nn.ReLU
        self.sizes = (width, 5)
        self.last: tg.Tensor | None = None
        self.table = {"a": np.arange(3), 2: Path("x")}

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        h = self.activation(self.again(self.embedding(x))) @ self.mask
        return self.out(self.kind()(self._plain[0](h)))


def test_a_module_comes_back_with_what_it_shares(tmp_path: Path) -> None:
    model = Tied(4).eval()
    model.blocks[0][0].weight.requires_grad = False
    tg.save({"epoch": 1, "model": model}, tmp_path / "m")
    loaded = tg.load(tmp_path / "m", weights_only=False)["model"]
    x = tg.tensor([0, 3, 4])
    assert tg.equal(loaded(x), model(x))
    assert (type(loaded), loaded.training, loaded.sizes) == (Tied, False, (4, 5))
    assert loaded.out.weight is loaded.embedding.weight
    assert loaded.again is loaded.blocks[0]
    assert repr(loaded) == repr(model)
    assert [p.requires_grad for p in loaded.parameters()] == [p.requires_grad for p in model.parameters()]
    assert loaded.state_dict().keys() == model.state_dict().keys()
    before = model.embedding.weight.detach().clone()
    loaded(x).sum().backward()
    with tg.no_grad():
        loaded.embedding.weight.add_(1)
    assert tg.equal(model.embedding.weight, before)


@pytest.mark.parametrize("case", MODULES, ids=lambda case: case.name)
@settings(max_examples=5)
@given(data=st.data())
def test_every_layer_comes_back(case: ModuleCase, data: st.DataObject) -> None:
    module = case.make(data.draw(case.samples))
    file = io.BytesIO()
    tg.save(module, file)
    file.seek(0)
    loaded = tg.load(file)
    assert type(loaded) is type(module)
    assert vars(loaded).keys() == vars(module).keys()
    assert repr(loaded) == repr(module)
    pairs = zip(loaded.state_dict().values(), module.state_dict().values(), strict=True)
    assert all(tg.equal(a, b) for a, b in pairs)


def test_a_class_is_used_only_if_the_caller_declares_it_safe(tmp_path: Path) -> None:
    tg.save(Tied(2), tmp_path / "m")
    wanted = r"load: .*m: it holds an object of .*Tied; if you trust the file, pass weights_only=False, or declare"
    for options in ({}, {"weights_only": True}, {"weights_only": None}):
        with pytest.raises(ValueError, match=wanted):
            tg.load(tmp_path / "m", **options)
    with safe_globals([Tied]):
        assert isinstance(tg.load(tmp_path / "m"), Tied)
    assert get_safe_globals() == []
    add_safe_globals([Tied])
    assert isinstance(tg.load(tmp_path / "m", weights_only=True), Tied)
    clear_safe_globals()
    assert isinstance(tg.load(tmp_path / "m", weights_only=False), Tied)


def test_nothing_is_imported_or_called_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text(
        "import tinygrad_cnn as tg\nclass Net(tg.nn.Module):\n    pass\ntg.save(Net(), 'net')\nprint('imported')\n"
    )
    environment = {"PYTHONPATH": str(TOP)}
    subprocess.run([sys.executable, "-c", "import elsewhere"], cwd=tmp_path, env=environment, check=True)
    code = "import tinygrad_cnn as tg; tg.load('net', weights_only=False)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert "elsewhere.Net, which is not here: define or import it before load" in done.stderr
    assert done.stdout == ""


DANGEROUS = ["os:system", "builtins:eval", "subprocess:Popen", "tinygrad_cnn.data.download:download_mnist"]


@pytest.mark.parametrize("name", DANGEROUS)
@pytest.mark.parametrize("given", ["tinygrad_cnn.nn.functional.activation:gelu", "tinygrad_cnn.nn.shape:Identity"])
def test_other_functions_and_classes_are_never_made(given: str, name: str) -> None:
    module = nn.Identity()
    module.act = F.gelu
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(packed(module, "state", arrays))
    assert given in text
    metadata = {"state": text.replace(given, name), "sha256": digest(text.replace(given, name), arrays)}
    with pytest.raises(ValueError, match=r"it holds"):
        from_bytes(arrays, metadata, trusted=True)


def test_copies_and_hooks(tmp_path: Path) -> None:
    model = nn.Linear(2, 3)
    model.register_forward_hook(lambda *_: None)
    with pytest.raises(TypeError, match="_hooks is a ModuleHooks"):
        tg.save(model, tmp_path / "m")
    tg.save(copy.deepcopy(nn.Linear(2, 3)), tmp_path / "m")
    assert tg.load(tmp_path / "m").in_features == 2
