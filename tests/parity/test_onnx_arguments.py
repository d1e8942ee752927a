"""The arguments of `torch.onnx.export`, what is refused of them, and the comparison before a file is written."""

from __future__ import annotations

import inspect
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tests.support.onnx_runs import Of, exported, run, same
from tinygrad_cnn import nn
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.onnx.arguments import _ANYWAY
from tinygrad_cnn.onnx.export import OPSETS
from tinygrad_cnn.onnx.mapping import MAPPINGS

onnx = pytest.importorskip("onnx")
EXAMPLE = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
ROWS = np.arange(10, dtype=np.float32).reshape(5, 2)


class Two(nn.Module):
    """Two inputs, two outputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def forward(self, rows: tg.Tensor, scales: tg.Tensor) -> dict[str, tg.Tensor]:
        logits = self.layer(rows)
        return {"logits": logits * scales[:, None], "rows": rows.sum(1) / len(rows)}


def described(written: bytes) -> dict[str, list[Any]]:
    graph = onnx.load_from_string(written).graph
    return {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }


# --- names, lengths, files ---


def test_several_inputs_and_a_dict_of_outputs_have_the_names_of_the_model() -> None:
    model, scales = Two(), ROWS[:, 0] + 1
    written = exported(model, (EXAMPLE, tg.ones(2)))
    assert described(written) == {"rows": ["N", 2], "scales": ["N"], "logits": ["N", 3], "rows_": ["N"]}
    same(list(model(tg.tensor(ROWS), tg.tensor(scales)).values()), run(written, [ROWS, scales]))


def test_names_may_be_given() -> None:
    names = {"input_names": ["a", "b"], "output_names": ["c", "d"]}
    axes = {"a": {0: "batch"}, "b": [0], "c": {0: "batch"}}
    written = exported(Two(), (EXAMPLE, tg.ones(2)), **names, dynamic_axes=axes)
    assert described(written) == {"a": ["batch", 2], "b": ["batch"], "c": ["batch", 3], "d": ["batch"]}
    assert described(exported(Two(), (EXAMPLE, tg.ones(2)), input_names=["a"])).keys() >= {"a", "scales"}


def test_a_tuple_of_outputs_has_numbers() -> None:
    assert list(described(exported(lambda x: (x, x + 1), EXAMPLE))) == ["input_0", "output_0", "output_1"]


def test_a_length_may_be_fixed() -> None:
    written = exported(lambda x: x * max(len(x), 3), EXAMPLE, dynamic_axes={})
    assert list(described(written).values()) == [[2, 2], [2, 2]]
    same(tg.tensor(ROWS[:2] * 3), run(written, [ROWS[:2]]))


def test_a_length_that_follows_from_the_batchs_is_a_formula() -> None:
    written = exported(lambda x: tg.cat([x, x[1:]]), EXAMPLE, dynamic_axes={"input_0": {0: "batch"}})
    assert described(written)["output"] == ["2*batch-1", 2]


@pytest.mark.parametrize("opset", range(OPSETS[0], OPSETS[1] + 1))
def test_every_opset_gives_the_same(opset: int) -> None:
    def function(x: tg.Tensor) -> tg.Tensor:
        scaled = (x - x.mean(1, keepdim=True)) / len(x)
        pooled = nn.functional.max_pool2d(scaled.reshape(-1, 1, 2, 1), 2, padding=1)
        return (
            pooled.amax(-1) + tg.cat([scaled.logsumexp(1), x[:, 0]]).reshape(-1, 2).softmax(0).sum(1)[:, None, None]
        )

    written = exported(function, EXAMPLE, opset_version=opset)
    loaded = onnx.load_from_string(written)
    assert loaded.opset_import[0].version == opset
    assert loaded.ir_version >= onnx.helper.find_min_ir_version_for(loaded.opset_import)
    same(function(tg.tensor(ROWS)), run(written, [ROWS]))


@pytest.mark.parametrize("fold", [True, False])
def test_operations_on_parameters_alone_are_done_beforehand_or_in_the_file(fold: bool) -> None:
    model = Of(lambda x: x @ tg.exp(model.layer.weight).T)
    model.layer = nn.Linear(2, 3)
    written = exported(model, EXAMPLE, do_constant_folding=fold)
    operators = {node.op_type for node in onnx.load_from_string(written).graph.node}
    assert ("Exp" in operators) is not fold
    same(model(tg.tensor(ROWS)), run(written, [ROWS]))


def test_verbose_prints_the_graph(capsys: pytest.CaptureFixture[str]) -> None:
    exported(lambda x: tg.tanh(x), EXAMPLE)
    assert capsys.readouterr().out == ""
    exported(lambda x: tg.tanh(x), EXAMPLE, verbose=True)
    assert "Tanh" in capsys.readouterr().out


def test_a_path_and_a_file_get_the_same_bytes(tmp_path: Path) -> None:
    model = Two()
    written = exported(model, (EXAMPLE, tg.ones(2)))
    for path in (tmp_path / "a.onnx", str(tmp_path / "b.onnx")):
        tg.onnx.export(model, (EXAMPLE, tg.ones(2)), path)
        assert Path(path).read_bytes() == written
    with open(tmp_path / "c.onnx", "wb") as file:
        tg.onnx.export(model, (EXAMPLE, tg.ones(2)), file)
    assert (tmp_path / "c.onnx").read_bytes() == written


# --- what is refused ---

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "opset_version": ({"opset_version": 9}, "opset_version is 9; wanted 13 to 23"),
    "too many names": ({"input_names": ["a", "b"]}, "input_names has 2 names; the model has 1"),
    "a name twice": ({"input_names": ["a"], "output_names": ["a"]}, r"output_names has \['a'\], which are names"),
    "a parameter's name": ({"output_names": ["conv1.weight"]}, "which are names of other values already"),
    "another dimension": ({"dynamic_axes": {"input": {2: "height"}}}, "dimension 2 of 'input'; of an input, only"),
    "an unknown value": ({"dynamic_axes": {"imput": {0: "N"}}}, r"wanted the batch, dimension 0, of each of the"),
    "an unknown output": ({"dynamic_axes": {"input": [0], "y": [0]}}, r"'y'; the model has \['input', 'output'\]"),
    "a fixed dimension": ({"dynamic_axes": {"input": [0], "output": [1]}}, "dimension 1 of 'output', the same for"),
    "training": ({"training": True}, "training is True, which is not supported here; wanted"),
    "kwargs": ({"kwargs": {"a": 1}}, "kwargs is {'a': 1}, which is not supported"),
    "external_data": ({"external_data": True}, "external_data is True, which is not supported"),
    "export_params": ({"export_params": False}, "export_params is False, which is not supported"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_done_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^onnx.export: .*{message}"):
        exported(LeNet(), tg.rand(2, 1, 28, 28), **options)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a text": ({"input_names": "input"}, "input_names is 'input'; wanted a list of names"),
    "no dimension": ({"dynamic_axes": {"input": None}}, "dynamic_axes has None for 'input'; wanted"),
    "a typo": ({"opset_versoin": 13}, "unexpected argument 'opset_versoin'"),
    "a file of text": ({"f": StringIO()}, "wanted a path, or a file that is open for writing bytes"),
    "no file": ({"f": None}, "f is None; wanted a path"),
    "no model": ({"model": lambda x: x}, "model is function; wanted an nn.Module"),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_of_the_wrong_kind_is_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=f"^onnx.export: .*{message}"):
        tg.onnx.export(**({"model": LeNet(), "args": tg.rand(2, 1, 28, 28), "f": BytesIO()} | options))


def test_every_argument_of_pytorchs_is_done_or_refused_by_name() -> None:
    torch = pytest.importorskip("torch")
    ours = inspect.signature(tg.onnx.export).parameters.keys() - {"options"}
    theirs = inspect.signature(torch.onnx.export).parameters.keys()
    assert theirs <= ours | _ANYWAY.keys()
    assert not ours & _ANYWAY.keys()


EXAMPLES: dict[str, tuple[Any, str]] = {
    "a number": (tg.tensor(1.0), r"example 0 has shape \(\)"),
    "nothing": (tg.zeros(0, 1, 28, 28), r"not empty; example 0 has shape \(0, 1, 28, 28\)"),
    "lists": ([[1.0]], r"wanted one tensor or several as example, got \['list'\]"),
    "an array": (np.zeros((1, 1, 28, 28)), "wanted one tensor or several as example, got ndarray"),
    "no batch": (tg.rand(28, 28), r"failed on \(3, 28\) of float32, which is like the example but for .*"),
    "a vector": (tg.rand(784), r"failed on \(3,\) of float32, which is like the example but for .*"),
    "integers": (tg.zeros(1, 1, 28, 28, dtype=tg.int64), "of int64, .* conv2d: input is int64, weight is float32"),
}  # fmt: skip


@pytest.mark.parametrize(("example", "message"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_an_example_that_does_not_fit_is_refused_by_its_shape(example: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^onnx.export: .*{message}"):
        exported(LeNet(), example)


OUTPUTS: dict[str, Any] = {
    "none": lambda x: None,
    "a number": lambda x: (x, 3),
    "nested": lambda x: (x, (x, x)),
    "constant": lambda x: EXAMPLE,
}


@pytest.mark.parametrize("function", OUTPUTS.values(), ids=OUTPUTS.keys())
def test_an_output_that_is_no_tensor_of_the_graph_is_refused(function: Any) -> None:
    with pytest.raises(ValueError, match=r"output(_1)? of the model does not depend on its input, or is no tensor"):
        exported(function, EXAMPLE)


# --- the comparison ---


def test_a_file_that_computes_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MAPPINGS, "tanh", MAPPINGS["sin"])
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")
    model = Of(lambda x: {"same": x.cos(), "other": x.tanh()})
    message = r"no file was written: for a batch of 1, its output 'other' differs from the model's by [\d.]+, whose"
    with pytest.raises(ValueError, match=message):
        tg.onnx.export(model, EXAMPLE, path)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"before"]
    tg.onnx.export(model, EXAMPLE, path, verify=False)
    assert path.read_bytes() != b"before"


def test_truth_values_are_compared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAPPINGS, "lt", MAPPINGS["gt"])
    with pytest.raises(ValueError, match=r"differs from the model's in \d+ of \d+ entries"):
        exported(lambda x: x < 2, EXAMPLE)


def test_a_model_that_takes_no_batch_of_one_is_compared_on_others() -> None:
    def function(x: tg.Tensor) -> tg.Tensor:
        if len(x) == 1:
            raise ValueError("wanted more than one sample")
        return x - x.mean(0)

    same(function(tg.tensor(ROWS)), run(exported(function, EXAMPLE), [ROWS]))


def test_what_the_evaluator_does_not_do_is_said() -> None:
    model = nn.ConvTranspose2d(4, 6, 3, groups=2)
    with pytest.raises(ValueError, match=r"cannot be verified, .* with verify=False it is written unverified"):
        exported(model, tg.rand(1, 4, 5, 5))
