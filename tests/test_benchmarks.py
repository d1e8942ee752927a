"""The benchmarks run: one small workload, in a process of its own, measured, shown and written down."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import operations
from benchmarks import thresholds as measure
from benchmarks.__main__ import main
from benchmarks.peers import PEERS
from benchmarks.pytorch_like import PyTorchLike
from benchmarks.runner import TOLERANCE, distance
from benchmarks.workloads import WORKLOADS, Workload, select, write_digits
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
    with pytest.raises(ValueError, match=r"no workload is named 'lenet-9'; there are lenet-step-1"):
        select(["lenet-9"])


def test_every_threshold_of_the_kernels_can_be_measured() -> None:
    names = {name for name in vars(thresholds) if name.isupper()}
    measured = [measure.THRESHOLDS, measure.BY_COLUMN, measure.COSTS, measure.NOT_MEASURED]
    assert sorted(name for table in measured for name in table) == sorted(names)
    for name, threshold in measure.THRESHOLDS.items():
        for module in threshold.modules:
            if "compiled" not in module:  # which imports Numba
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
