"""What is measured beside PyTorch is the same work: the first losses, or outputs, agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import operations
from benchmarks.expressions import EXPRESSIONS, function_of
from benchmarks.pytorch_like import PyTorchLike
from benchmarks.runner import TOLERANCE, distance
from benchmarks.workloads import WORKLOADS, Workload, write_digits

pytest.importorskip("torch")
BOTH = [w for w in WORKLOADS if w.kind in ("step", "inference", "small")]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder, whole=False)
    return folder


@pytest.mark.parametrize("workload", BOTH, ids=lambda w: w.name)
def test_both_frameworks_get_the_same_numbers(workload: Workload, digits: Path) -> None:
    few = replace(workload, batch=2)
    ours, theirs = (PyTorchLike(name, digits).prepare(few).check() for name in ("tinygrad_cnn", "torch"))
    assert distance(ours, theirs) <= TOLERANCE


def test_operations_are_listed_with_the_slowest_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    operations.main(["x + y", "x.exp()", "--above", "0", "--output", str(tmp_path)])
    head, _, medians, above, *lines = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    assert head.startswith("ours / PyTorch")
    assert medians.startswith("median of 2")
    assert above.startswith("above")
    worst = [max(map(float, line[20:].split()[:6])) for line in lines]
    assert worst == sorted(worst, reverse=True)
    assert "| `x + y` |" in (tmp_path / "operations.md").read_text()


def has_gradient(peer: PyTorchLike, workload: Workload) -> bool:
    function, _ = function_of(peer.library, workload.model, workload.batch)
    return bool(function().requires_grad)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("kind", ["forward", "both"])
def test_expressions_are_the_same_work(expression: str, kind: str, digits: Path) -> None:
    workload = Workload(expression, expression, kind, model=expression, batch=10)
    peers = [PyTorchLike(name, digits) for name in ("tinygrad_cnn", "torch")]
    if kind == "both" and not has_gradient(peers[0], workload):
        for peer in peers:
            with pytest.raises(TypeError, match="it has no gradient"):
                peer.prepare(workload)
        return
    ours, theirs = (peer.prepare(workload).check() for peer in peers)
    assert distance(ours, theirs) <= TOLERANCE or "dropout" in expression
