"""A name of PyTorch that is not here says so, wherever it is asked for, and what to use instead."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.compat import old_names
from tinygrad_cnn.compat.namespaces import FILES, NAMESPACES, sources
from tinygrad_cnn.support.missing_names import HOMES, advice
from tinygrad_cnn.support.missing_reasons import REASONS

TOP = Path(__file__).parents[1]


@pytest.mark.parametrize(("namespace", "module"), HOMES.items())
def test_every_module_says_what_it_lacks(namespace: str, module: str) -> None:
    home = import_module(module)
    name = f"{next(n for n in sorted(dir(home), key=len, reverse=True) if n[:1] != '_')}x"
    wanted = rf"{namespace}.{name} is not here; did you mean '\w+'\? \(see docs/pytorch.md\)"
    with pytest.raises(AttributeError, match=wanted):
        getattr(home, name)
    with pytest.raises(ImportError, match=wanted):
        exec(f"from {module} import {name}")
    assert not hasattr(home, name)
    assert not hasattr(home, "__no_such_protocol__")


def test_a_reason_stands_for_all_that_lies_below_its_name() -> None:
    with pytest.raises(AttributeError, match=r"torch.sparse is not here; sparse tensors .*; use a dense tensor"):
        _ = tg.sparse.mm
    assert advice("torch.sparse.mm") == REASONS["torch.sparse"]
    with pytest.raises(AttributeError, match=r"torch.nn.relu is not here; there is torch.nn.functional.relu"):
        _ = tg.nn.relu


def test_reasons_are_given_for_names_that_are_not_here() -> None:
    """A reason that outlives its cause would hide what has been built since."""
    found = []
    for name in REASONS:
        namespace, _, last = name.rpartition(".")
        home = (
            tg.Tensor if namespace == "torch.Tensor" else import_module(HOMES.get(namespace, "tinygrad_cnn.compat"))
        )
        if not isinstance(getattr(home, last, tg), ModuleType) and name not in ("torch.bfloat16", "torch.cuda"):
            found.append(name)
    assert found == []


def test_old_names_are_names_of_the_package_and_cost_nothing_until_asked_for() -> None:
    assert {name for name in old_names.__all__ if not hasattr(tg, name)} == set()
    code = "import sys, tinygrad_cnn; print(any('tinygrad_cnn.compat' in name for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_every_namespace_has_sources_that_exist() -> None:
    names = [*NAMESPACES, *(f"{parent}.{file}" for parent, files in FILES.items() for file in files.split())]
    for name in names:
        if name != "torch.utils.tensorboard":  # needs tensorboardX
            for source in sources(name) or ():
                import_module(source)
        assert name.count(".") == 0 or sources(name.rpartition(".")[0]) is not None


REFUSED = [
    "torch.jit.script",
    "torch.hub.load",
    "torch.cuda.FloatTensor",
]


@pytest.mark.parametrize("qualified", REFUSED)
def test_what_scripts_import_for_other_machines_can_be_imported_and_not_be_called(qualified: str) -> None:
    namespace, _, name = qualified.rpartition(".")
    homes = [import_module(source) for source in sources(namespace) or ()]
    value = next(getattr(home, name) for home in homes if hasattr(home, name))
    with pytest.raises(RuntimeError, match=rf"{name} is not here; .* \(see docs/pytorch.md\)"):
        value(1)
    assert not isinstance(tg.ones(1), value)
