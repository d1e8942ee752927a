"""The benchmarks run: one small workload, in a process of its own, measured, shown and written down."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command_line
from benchmarks import operations, scaling
from benchmarks import thresholds as measure
from benchmarks.__main__ import main
from benchmarks.peers import PEERS, Peer
from benchmarks.pytorch_like import PyTorchLike
from benchmarks.runner import TOLERANCE, distance
from benchmarks.workloads import WORKLOADS, Workload, select, write_digits
from tests.support.extras import needed_by
from tinygrad_cnn.kernels import thresholds


def test_one_command_measures_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["lenet-step-1", "--peers", "numpy", "--quick", "--output", str(tmp_path)])
    (row,) = json.loads((tmp_path / "default.json").read_text())["rows"]
    assert 0 < row["results"]["numpy"]["best"] <= row["results"]["numpy"]["median"]
    assert "LeNet step, batch 1" in capsys.readouterr().out
    assert "| LeNet step, batch 1 |" in (tmp_path / "default.md").read_text()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder, whole=False)
    return folder


@pytest.mark.parametrize("workload", [w for w in WORKLOADS if w.kind == "step"], ids=lambda w: w.name)
def test_a_workload_begins_anew_with_the_same_numbers(workload: Workload, digits: Path) -> None:
    job = PyTorchLike("tinygrad_cnn", digits).prepare(replace(workload, batch=2))
    first = job.check()
    job.run()
    job.reset()
    np.testing.assert_allclose(job.check(), first, rtol=1e-5)
    assert len(set(first)) == len(first)


def test_numbers_that_differ_are_told_apart() -> None:
    assert distance([1.0, 2.0], [1.0, 2.0]) == 0
    assert distance([1.0, 2.001], [1.0, 2.0]) > TOLERANCE
    assert distance([1.0], [1.0, 2.0]) > TOLERANCE
    assert distance([float("nan")], [1.0]) > TOLERANCE


def test_workloads_are_chosen_by_pattern() -> None:
    assert [w.name for w in select(["lenet-inference-*"])] == ["lenet-inference-1", "lenet-inference-256"]
    assert select([]) == WORKLOADS
    with pytest.raises(ValueError, match=r"no workload is named 'lenet-9'; there are lenet-program-1"):
        select(["lenet-9"])


def test_every_threshold_of_the_kernels_can_be_measured() -> None:
    names = {name for name in vars(thresholds) if name.isupper()}
    measured = [measure.THRESHOLDS, measure.BY_COLUMN, measure.COSTS, measure.NOT_MEASURED]
    assert sorted(name for table in measured for name in table) == sorted(names)
    for name, threshold in measure.THRESHOLDS.items():
        for module in threshold.modules:
            if needed_by(f"tinygrad_cnn.{module}") is None:
                assert getattr(importlib.import_module(f"tinygrad_cnn.{module}"), name) == getattr(thresholds, name)


def test_a_threshold_is_measured_on_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    measure.measure("WHERE_BY_BITS_FROM")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "WHERE_BY_BITS_FROM = 10000"
    assert [line.split()[0] for line in lines[2:]] == ["2500", "5000", "10000", "20000", "40000"]


def test_operations_above_a_bound_are_listed_the_worst_first() -> None:
    def rows(name: str, ours: float) -> list[operations.Row]:
        both = {"numpy": {"best": ours}, "torch": {"best": 1.0}}
        slow = {"numpy": {"refused": "it has no gradient"}, "torch": {"best": 1.0}}
        return [
            {"name": name, "kind": kind, "batch": side, "results": slow if kind == "both" else both}
            for kind in operations.KINDS
            for side in operations.SIDES
        ]

    every = [
        row for name, ours in (("x.exp()", 1.0), ("x.erf()", 3.0), ("x.sin()", 5.0)) for row in rows(name, ours)
    ]
    head, lines = operations.table(every, PEERS[0], 2)
    assert [line[0] for line in lines] == ["median of 3", "above 2", "x.sin()", "x.erf()"]
    assert lines[1] == ["above 2", "67%", "67%", "67%", "-", "-", "-", ""]
    assert lines[2] == ["x.sin()", "5.0", "5.0", "5.0", "-", "-", "-", "5 s"]
    assert all(len(line) == len(head) for line in lines)


def test_without_mnist_the_workloads_that_need_it_are_named_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(folder: Path, whole: bool) -> str:
        if whole:
            raise ConnectionError("no mirror served it")
        return "synthetic digits"

    monkeypatch.setattr(command_line, "write_digits", refuse)
    name, kept = command_line.digits_for(select(["lenet-step-64", "epoch"], WORKLOADS), tmp_path, False)
    assert (name, [w.name for w in kept]) == ("synthetic digits", ["lenet-step-64"])
    assert "NOT MEASURED, for they need MNIST: epoch\n" in capsys.readouterr().err
    for names, all_of_them in (["epoch"], False), (["lenet-step-64", "epoch"], True):
        with pytest.raises(SystemExit, match="no mirror served it"):
            command_line.digits_for(select(names, WORKLOADS), tmp_path, all_of_them)


def test_peers_that_are_missing_are_named_with_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Peer, "installed", property(lambda peer: peer.module == "tinygrad_cnn"))
    command_line.warn_of_missing(command_line.chosen_peers("", True))
    said = capsys.readouterr().err
    assert "NO PEER IS MEASURED" in said
    assert 'NOT MEASURED: PyTorch; python -m pip install -e ".[bench]"' in said


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize("network", scaling.NETWORKS, ids=lambda network: network.name)
def test_predicted_efficiency_falls_with_ranks_and_bytes(network: scaling.Network, strong: bool) -> None:
    small, large = scaling.Cost(2e-5, 4e-4, 10**5), scaling.Cost(2e-5, 4e-4, 10**8)
    assert scaling.efficiency(small, 1, network, 64, strong) == 1
    for fewer, more in pairwise((1, *scaling.RANKS)):
        less = scaling.efficiency(small, more, network, 64, strong)
        assert 0 < less < scaling.efficiency(small, fewer, network, 64, strong)
        assert scaling.efficiency(large, more, network, 64, strong) < less
        assert not strong or less < scaling.efficiency(small, more, network, 64, strong=False)
