"""Exported models do in ONNX Runtime what they do here, for batches of other lengths than the example's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tests.cases import CASES
from tests.support.module_cases import CASES as MODULE_CASES
from tests.support.onnx_runs import Of, exported, run, same
from tests.support.registry import OpCase
from tinygrad_cnn import nn
from tinygrad_cnn.models import LeNet, LeNet5
from tinygrad_cnn.onnx.batch import Ref
from tinygrad_cnn.onnx.export import OPSETS, model_of
from tinygrad_cnn.onnx.mapping import MAPPINGS
from tinygrad_cnn.onnx.walk import walk_once
from tinygrad_cnn.tape.record import Operation

onnx = pytest.importorskip("onnx")

# --- every mapping, by the registry of operations ---


def mapped(case: OpCase) -> bool:
    names = [name for name in case.records if name in Operation.registry]
    return all(name in MAPPINGS for name in names) and (case.differentiable or bool(names))


# What no layer's inference is made of. A new operation is to be mapped, or to be named here.
UNMAPPED = set(
    "add_region all any atan2 avg_unpool2d binary_cross_entropy bitwise_left_shift bitwise_right_shift "
    "cholesky class_cross_entropy cofactors conv2d_weight copysign det digamma div_trunc eigh "
    "erfcx erfinv gcd gelu_slope hardswish_slope heaviside inv isclose isneginf isposinf isreal lcm "
    "lgamma logabsdet max_pick2d max_unpool2d nan_to_num nonzero one_hot overlapped pinv polygamma put "
    "put_region qr recurrent roll sign_of_det signbit soft_cross_entropy solve sum_to svd svdvals "
    "take_region undiagonal where_nonzero windows".split()
)


def test_every_operation_is_mapped_or_known_not_to_be() -> None:
    ours = {o.name for o in Operation.registry.values() if o.forward.__module__.startswith("tinygrad_cnn.ops.")}
    known = MAPPINGS.keys() | UNMAPPED
    assert sorted(ours - known) == [], "map it in tinygrad_cnn/onnx/mapping.py, or name it in UNMAPPED of this file"
    assert sorted(known - ours - {"mean"}) == [], "there is no operation of this name"


def single(value: Any) -> Any:
    """Return arrays of numbers in float32, which runtimes have every operator for."""
    return value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


UNEXPORTED = (
    "length of 0|several arrays|booleans|with steps|not slices|to decimals|with keepdim|of integers|"
    "a margin as wide|along the batch|operation [a-z_0-9]* (\\(.*\\) )?has no"
)
# What computes with NumPy beside its operations, and so is refused.
ON_THE_HOST = set(
    "cummax cummin kthvalue matrix_exp median median_values nanmean nanmedian nanquantile quantile "
    "scaled_dot_product_attention sort topk".split()
)
LEAVES = "takes numbers of the batch out|computed from the batch outside of operations"


@pytest.mark.parametrize("case", [case for case in CASES if mapped(case)], ids=repr)
@given(data=st.data())
def test_an_operation_and_its_mapping_give_the_same(case: OpCase, data: st.DataObject) -> None:
    sample = data.draw(case.samples)
    inputs = [tg.tensor(single(a)) for a in sample.inputs]
    assume(all(x.numel() for x in inputs))
    arguments = {key: single(value) for key, value in sample.arguments.items()}
    model = Of(lambda *tensors: case.function(*tensors, **arguments))
    try:
        found = walk_once(model, inputs, [f"x{i}" for i in range(len(inputs))])
        assume(all(isinstance(out, Ref) for out in found.outputs.values()))  # nothing to do for the runtime
        written = model_of(found, "case", data.draw(st.sampled_from([OPSETS[0], 18, OPSETS[1]])))
    except ValueError as error:
        if re.search(UNEXPORTED, str(error)) or (case.name in ON_THE_HOST and re.search(LEAVES, str(error))):
            return
        raise
    onnx.checker.check_model(written, full_check=True)
    same(model(*inputs), run(written.SerializeToString(), [x.numpy() for x in inputs]))


# --- whole models, for any batch ---

rng = np.random.default_rng(0)
IMAGE, ROW, FLAT = (4, 6, 7), (4, 9), (6,)


def weight(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32) * 0.3


def trained(module: nn.Module) -> nn.Module:
    """Return a module with the parameters and buffers of one that is no longer new."""
    with tg.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.dtype.kind == "f":
                tensor.copy_(np.abs(weight(*tensor.shape)) + 0.2)
    return module


def f(function: Callable[..., Any], shape: tuple[int, ...]) -> tuple[nn.Module, tuple[int, ...]]:
    return Of(function), shape


class Block(nn.Module):
    """A residual block, with its sum in place as people write it."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(channels, outputs, 1)
        self.norm = trained(nn.BatchNorm2d(outputs))
        self.requires_grad_(False)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        y = self.norm(self.first(x))
        y = self.second(F.relu(y))
        y += self.skip(x)
        return F.relu(y)


class Squared(nn.Module):
    """A layer of two inputs that is given one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Bilinear(6, 6, 2)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return self.layer(x, x)


class Recurrent(nn.Module):
    """A state that begins with zeros, as many as there are samples."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(4 + 5, 5)

    def forward(self, x: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor]:
        state = tg.zeros(x.shape[0], 5)
        for t in range(x.shape[2]):
            state = tg.tanh(self.step(tg.cat([x[:, :, t], state], 1)))
        return state, state.mean(1, keepdim=True).expand(x.shape[0], 3)


MODULES: dict[str, Callable[[], tuple[nn.Module, tuple[int, ...]]]] = {
    "AdaptiveAvgPool2d": lambda: (nn.AdaptiveAvgPool2d((4, 3)), IMAGE),
    "AdaptiveMaxPool2d": lambda: (nn.AdaptiveMaxPool2d((4, 3)), IMAGE),
    "AvgPool1d": lambda: (nn.AvgPool1d(2), ROW),
    "AvgPool2d": lambda: (nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), IMAGE),
    "BatchNorm1d": lambda: (trained(nn.BatchNorm1d(4)), ROW),
    "BatchNorm2d": lambda: (trained(nn.BatchNorm2d(4)), IMAGE),
    "Bilinear": lambda: (Squared(), FLAT),
    "Conv1d": lambda: (nn.Conv1d(4, 3, 3, padding="same", dilation=2), ROW),
    "Conv2d": lambda: (nn.Conv2d(4, 2, (3, 2), 2, (1, 0), groups=2), IMAGE),
    "ConvTranspose1d": lambda: (nn.ConvTranspose1d(4, 3, 3, 2), ROW),
    "ConvTranspose2d": lambda: (nn.ConvTranspose2d(4, 6, (3, 2), 2, 1, 1, groups=2), IMAGE),
    "Dropout1d": lambda: (nn.Dropout1d(), ROW),
    "Flatten": lambda: (nn.Flatten(), IMAGE),
    "GLU": lambda: (nn.GLU(1), IMAGE),
    "GroupNorm": lambda: (trained(nn.GroupNorm(2, 4)), IMAGE),
    "InstanceNorm1d": lambda: (trained(nn.InstanceNorm1d(4, affine=True)), ROW),
    "InstanceNorm2d": lambda: (nn.InstanceNorm2d(4, track_running_stats=True), IMAGE),
    "LayerNorm": lambda: (trained(nn.LayerNorm((6, 7))), IMAGE),
    "Linear": lambda: (nn.Linear(7, 2), IMAGE),
    "LocalResponseNorm": lambda: (nn.LocalResponseNorm(3), IMAGE),
    "LogSoftmax": lambda: (nn.LogSoftmax(1), IMAGE),
    "MaxPool1d": lambda: (nn.MaxPool1d(3, 2, 1), ROW),
    "MaxPool2d": lambda: (nn.MaxPool2d(3, 2, 1, ceil_mode=True), IMAGE),
    "PixelShuffle": lambda: (nn.PixelShuffle(2), IMAGE),
    "RMSNorm": lambda: (trained(nn.RMSNorm(7)), IMAGE),
    "Softmax": lambda: (nn.Softmax(1), IMAGE),
    "Softmin": lambda: (nn.Softmin(1), IMAGE),
    "Threshold": lambda: (nn.Threshold(0.1, 0.2), IMAGE),
    "Unflatten": lambda: (nn.Unflatten(1, (2, 3)), FLAT),
    "Upsample": lambda: (nn.Upsample((9, 4), mode="bilinear"), IMAGE),
    "ZeroPad2d": lambda: (nn.ZeroPad2d((1, 2, 0, 3)), IMAGE),
}
MODELS: dict[str, Callable[[], tuple[nn.Module, tuple[int, ...]]]] = {
    **MODULES,
    "LeNet": lambda: (LeNet(), (1, 28, 28)),
    "LeNet5": lambda: (LeNet5(), (1, 28, 28)),
    "residual": lambda: (nn.Sequential(Block(4, 4), Block(4, 3), nn.Flatten(), nn.Linear(126, 2)), IMAGE),
    "recurrent": lambda: (Recurrent(), (4, 3)),
    "linear without bias": lambda: (nn.Linear(6, 3, bias=False), FLAT),
    "adaptive pooling evenly": lambda: (nn.AdaptiveMaxPool2d((3, 7)), IMAGE),
    "nearest": lambda: (nn.Upsample(scale_factor=2), IMAGE),
    "normalize": lambda: f(F.normalize, IMAGE),
    "reflect": lambda: f(lambda x: F.pad(x, (1, 2, 2, 0), "reflect"), IMAGE),
    "circular": lambda: f(lambda x: F.pad(x, (1, 2, 2, 0), "circular"), IMAGE),
    "pad with ones": lambda: f(lambda x: F.pad(x, (1, 2, 2, 0), value=1.0), IMAGE),
    "pad less": lambda: f(lambda x: F.pad(x, (-1, 2)), IMAGE),
    "cat and mean": lambda: f(lambda x: tg.cat([x.mean((2, 3)), x[:, :, 0, -1], x.amax((-1, -2))], 1), IMAGE),
    "centred over the batch": lambda: f(lambda x: x - x.mean(0), IMAGE),
    "transposed": lambda: f(lambda x: x.transpose(1, 2).reshape(x.shape[0] * 6, 28) @ tg.ones(28, 2), IMAGE),
    "choices": lambda: f(lambda x: (tg.where(x > 0.2, x, 3) * 2, x.argmax(1), x.clamp(0, 1)), IMAGE),
    "attention": lambda: f(lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True), IMAGE),
}


@pytest.mark.parametrize("make", list(MODELS.values()), ids=list(MODELS))
def test_a_model_does_the_same_for_batches_of_any_length(make: Any, tmp_path: Path) -> None:
    model, shape = make()
    grouped = isinstance(model, nn.ConvTranspose2d)  # which the reference evaluator does not do
    tg.onnx.export(model, tg.zeros(1, *shape), tmp_path / "model.onnx", verify=not grouped)
    written = (tmp_path / "model.onnx").read_bytes()
    loaded = onnx.load_from_string(written)
    onnx.checker.check_model(loaded, full_check=True)
    assert (loaded.ir_version, loaded.opset_import[0].version) == (8, 13)
    assert loaded.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    for length in (1, 2, 7):
        x = np.random.default_rng(length).standard_normal((length, *shape)).astype(np.float32)
        same(model.eval()(tg.tensor(x)), run(written, [x]))


# --- every module, by the registry of modules: with the arguments and the inputs of its cases ---

NUMBERS_TAKEN = "takes numbers of the batch out of the recorded operations"
WITHOUT_COUNTERPART = {
    "BCELoss": "binary_cross_entropy",
    "CrossEntropyLoss": "soft_cross_entropy",
    "MaxUnpool1d": "put",
    "MaxUnpool2d": "put",
    **dict.fromkeys("RNN LSTM GRU RNNCell LSTMCell GRUCell".split(), "recurrent"),
}
NOT_EXPORTED = {
    **{
        name: f"the operation {operation} .* has no counterpart in ONNX"
        + (": RNN, LSTM, GRU and their cells are not exported" if operation == "recurrent" else "")
        for name, operation in WITHOUT_COUNTERPART.items()
    },
    "NLLLoss": NUMBERS_TAKEN,
    "MultiMarginLoss": "depends on the batch in a way that was not recorded",
    "MultiLabelMarginLoss": "depends on the batch in a way that was not recorded",
}
NOT_EXPORTED["CrossEntropyLoss"] += f"|{NUMBERS_TAKEN}"
NOT_EXPORTED["MaxUnpool1d"] += "|put is given an array that was computed from the batch outside of operations"
# The places of maxima of windows of several sizes, and of a padding index, are found on the host; bias_kv is
# repeated for each sample.
NOT_ALWAYS = {
    "AdaptiveMaxPool1d": "returns an array .* which depends on the batch unrecorded",
    "AdaptiveMaxPool2d": "returns an array .* which depends on the batch unrecorded",
    "EmbeddingBag": "depends on the batch in a way that was not recorded|takes numbers of the batch out",
    "MultiheadAttention": "cat .* depends on the batch in a way that was not recorded",
}


def rows(inputs: list[tg.Tensor], length: int) -> list[tg.Tensor]:
    """Return another batch, of samples of this one."""
    chosen = np.random.default_rng(length).integers(0, len(inputs[0]), length)
    return [tg.tensor(x.numpy()[chosen]) for x in inputs]


def takes_batches(module: nn.Module, inputs: list[tg.Tensor]) -> bool:
    """Whether dimension 0 may be of another length; an image without a batch has its channels there."""
    if not all(x.ndim and len(x) == len(inputs[0]) for x in inputs):
        return False
    try:
        return all(module(*rows(inputs, length)) is not None for length in (1, 3, 7))
    except (ValueError, RuntimeError):
        return False


@pytest.mark.filterwarnings("ignore:.*implicit dimension choice:UserWarning")
@pytest.mark.parametrize("name", sorted({case.name for case in MODULE_CASES}))
@settings(max_examples=5)
@given(data=st.data())
def test_a_module_of_the_registry_is_exported_or_refused_by_name(name: str, data: st.DataObject) -> None:
    case = data.draw(st.sampled_from([case for case in MODULE_CASES if case.name == name]))
    sample = data.draw(case.samples)
    module = case.make(sample).float().eval()
    inputs = [tg.tensor(single(x)) for x in sample.inputs]
    assume(takes_batches(module, inputs))
    verify = not name.startswith("ConvTranspose")  # whose groups the reference evaluator does not do
    try:
        written = exported(module, tuple(inputs), verify=verify)
    except ValueError as error:
        if not re.search(NOT_EXPORTED.get(name) or NOT_ALWAYS.get(name, "is exported"), str(error)):
            raise
        return
    assert name not in NOT_EXPORTED
    for length in (1, 2, 7):
        batch = rows(inputs, length)
        same(module(*batch), run(written, [x.numpy() for x in batch]))


def test_a_lazy_module_is_exported_once_it_has_seen_a_batch() -> None:
    lazy = [name for name in nn.__all__ if name.startswith("Lazy")]
    assert lazy
    for name in lazy:
        sizes = {"Linear": (2,), "Conv1d": (2, 3), "Conv2d": (2, 3)}
        kind = name.removeprefix("Lazy").replace("Transpose", "")
        module = getattr(nn, name)(*sizes.get(kind, ()))
        x = tg.tensor(weight(2, *(ROW if "1d" in name else IMAGE)))
        with pytest.raises(RuntimeError, match="call the lazy module once"):
            exported(module, x)
        same(module.eval()(x), run(exported(module, x), [x.numpy()]))


def test_parameters_keep_their_names_and_values(tmp_path: Path) -> None:
    model = LeNet()
    tg.onnx.export(model, tg.zeros(1, 1, 28, 28), tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    found = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(found[name], parameter.detach().numpy())
    operators = Counter(node.op_type for node in graph.node)
    assert operators == {"Conv": 2, "Relu": 4, "MaxPool": 2, "Reshape": 1, "Gemm": 3, "Identity": 1}
    assert (graph.input[0].name, graph.output[0].name, len(found)) == ("input", "output", 11)


@pytest.mark.parametrize("padding_idx", [None, 2])
def test_an_embedding_looks_up_indices_that_come_later(padding_idx: int | None, tmp_path: Path) -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(9, 4, padding_idx)
            self.register_buffer("place", tg.tensor(weight(5, 4)))

        def forward(self, words: tg.Tensor, scale: tg.Tensor) -> tg.Tensor:
            x = self.table(words)
            x += self.place
            return x * scale.unsqueeze(-1)

    model = Words()
    tg.onnx.export(model, (tg.zeros(2, 5, dtype=tg.int64), tg.ones(2, 5)), tmp_path / "words.onnx")
    words, scale = np.random.default_rng(0).integers(0, 9, (4, 5)), weight(4, 5)
    same(model(tg.tensor(words), tg.tensor(scale)), run((tmp_path / "words.onnx").read_bytes(), [words, scale]))


class Writing(nn.Module):
    """Writes in place to what has no views, and to a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        y = self.linear(x)
        alias = y
        y += 1.0
        alias.mul_(x).relu_()
        y.masked_fill_(y > 0.5, 0.25)
        scale = self.linear.bias * 2
        scale += 3.0
        return y * scale


def test_what_is_written_in_place_is_exported_as_operations(tmp_path: Path) -> None:
    model = Writing()
    tg.onnx.export(model, tg.ones(2, 3), tmp_path / "model.onnx")
    x = weight(4, 3)
    same(model(tg.tensor(x)), run((tmp_path / "model.onnx").read_bytes(), [x]))


def test_a_model_is_afterwards_as_it_was(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model[1].eval()
    before = model[0].weight.detach().clone()
    with tg.no_grad():
        tg.onnx.export(model, tg.zeros(1, 2), tmp_path / "model.onnx")
        assert not tg.is_grad_enabled()
    assert (model.training, model[1].training, model[0].weight.grad) == (True, False, None)
    assert (model[0].weight == before).all()


REFUSED = {
    "the operation det .test_onnx.py:[0-9]*. has no counterpart": lambda x: tg.linalg.det(x),
    "index .test_onnx.py:[0-9]*. with several arrays": lambda x: x[[0, 1], [0, 1]],
    "round .* to decimals has no counterpart": lambda x: tg.round(x, decimals=2),
    "test_onnx.py:[0-9]*: numpy takes numbers of the batch out": lambda x: x + np.sin(x.detach().numpy()),
    "index .* has an array of shape .* which depends on the batch": lambda x: x[np.arange(len(x)) % 2],
    "calls other operations for another batch": lambda x: x.exp() if len(x) > 4 else x.sin(),
    "writes in place .add_., unrecorded": lambda x: x.detach().add_(1) + x,
    "fill_ writes in place to a tensor that has views": lambda x: (y := x.exp())[0].fill_(1.0) + y,
    "a view of a leaf|is written in place": lambda x: x.add_(1),
    "output of the model does not depend on its input": lambda x: tg.ones(3),
    "index .* with a part of the batch": lambda x: x[:2],
}


@pytest.mark.parametrize(("message", "function"), list(REFUSED.items()), ids=list(REFUSED))
def test_what_cannot_be_exported_is_named_and_leaves_the_file_as_it_was(
    message: str, function: Any, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match=f"onnx.export: .*{message}"):
        tg.onnx.export(Of(function), tg.ones(1, 3, 3), path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_bytes() == b"before"


def test_examples_are_tensors_with_a_batch(tmp_path: Path) -> None:
    for example in ((), tg.tensor(1.0), [[1.0]], tg.zeros(0, 2)):
        with pytest.raises(ValueError, match="wanted one tensor or several as example"):
            tg.onnx.export(LeNet(), example, tmp_path / "model.onnx")
