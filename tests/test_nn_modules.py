"""Every module keeps the promises that all modules make: derivatives, types, and a state that goes out and back."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import pkgutil
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.module_cases import CASES, ModuleCase
from tinygrad_cnn import nn

pytestmark = pytest.mark.filterwarnings("ignore:.*implicit dimension choice:UserWarning")
every_case = pytest.mark.parametrize("case", CASES, ids=repr)


def call(module: Any, *inputs: Any) -> Any:
    """The differentiable part of the result; what is drawn is the same each time."""
    tg.manual_seed(0)
    result = module(*inputs)
    return result[0] if isinstance(result, tuple) else result


INTERNAL = set("FunctionModule LazyModuleMixin NonDynamicallyQuantizableLinear UnaryFunctionModule".split())
ELSEWHERE = {"DistributedDataParallel", "ParametrizationList"}  # nn.parallel and nn.utils.parametrize have them


def test_every_module_is_exported() -> None:
    """If this fails: add the name to ``__all__`` of ``tinygrad_cnn/nn/__init__.py``."""
    files = [importlib.import_module(m.name) for m in pkgutil.walk_packages(nn.__path__, f"{nn.__name__}.")]
    defined = {
        name
        for file in files
        for name, what in vars(file).items()
        if inspect.isclass(what) and issubclass(what, nn.Module) and what.__module__ == file.__name__
    }
    public = {name for name in defined if not name.startswith("_")}
    assert public - set(nn.__all__) == INTERNAL | ELSEWHERE


def test_every_module_has_a_case() -> None:
    """If this fails: add a case to ``tests/support/module_cases.py``."""
    modules = {n for n in nn.__all__ if isinstance(getattr(nn, n), type) and issubclass(getattr(nn, n), nn.Module)}
    containers = {"Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "RNNBase", "Sequential"}
    lazy = {name for name in modules if name.startswith("Lazy")}  # test_nn_lazy.py
    others = {"CTCLoss"}  # parity/test_ctc.py: its gradient is PyTorch's only behind log_softmax
    assert {case.name for case in CASES} == modules - containers - lazy - others


@every_case
@given(data=st.data())
def test_derivatives_are_those_of_finite_differences(case: ModuleCase, data: Any) -> None:
    """Of inputs and parameters, in training and in evaluation; the row of an embedding for padding has none."""
    sample = data.draw(case.samples.filter(lambda sample: sample.arguments.get("padding_idx") is None))
    module, inputs = case.make(sample).train(data.draw(st.booleans())), sample.given(tg)
    leaves = [*inputs, *module.parameters()]
    if any(leaf.requires_grad for leaf in leaves):
        tg.gradcheck(lambda *tensors: call(module, *tensors[: len(inputs)]), leaves, fast_mode=True)


@every_case
@given(data=st.data())
def test_float32_stays_float32(case: ModuleCase, data: Any) -> None:
    sample = data.draw(case.samples)
    module = case.make(sample).float()
    inputs = [t.detach().float() if t.dtype == tg.float64 else t for t in sample.given(tg)]
    inputs = [
        t.requires_grad_(t.dtype == tg.float32 and i < len(inputs) - sample.constant) for i, t in enumerate(inputs)
    ]
    result = call(module, *inputs)
    assert result.dtype == tg.float32
    if result.requires_grad:
        result.sum().backward()
    leaves = [*inputs, *module.parameters()]
    assert all(leaf.grad is None or leaf.grad.dtype == tg.float32 for leaf in leaves)
    assert {t.dtype for t in module.state_dict().values()} <= {tg.float32, tg.int64}


@every_case
@given(data=st.data())
def test_the_state_goes_through_a_file_and_copies_are_independent(
    case: ModuleCase, data: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sample = data.draw(case.samples)
    module, inputs = case.make(sample), sample.given(tg)
    call(module, *inputs)  # moves running statistics
    path = tmp_path_factory.mktemp("state") / "module.safetensors"
    tg.save(module.state_dict(), path)
    loaded = case.make(sample)
    loaded.load_state_dict(tg.load(path))
    wanted = call(module.eval(), *inputs).detach().numpy().copy()
    for twin in (loaded, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(twin) == repr(module)
        assert np.array_equal(call(twin.eval(), *inputs).detach().numpy(), wanted)
        for tensor in twin.state_dict().values():
            tensor.fill_(7)
    assert np.array_equal(call(module, *inputs).detach().numpy(), wanted)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Bilinear(1, 2, 0), "Bilinear: out_features is 0; wanted an integer of at least 1"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), "Embedding: padding_idx 3 is not one of 3 rows"),
        (lambda: nn.Conv1d(1, 1, (2, 3)), r"Conv1d: kernel_size is \(2, 3\); wanted one integer"),
        (lambda: nn.Conv2d(1, 1, 3, padding="some"), "Conv2d: padding is 'some'; wanted sizes, 'valid', or 'same'"),
        (lambda: nn.Conv2d(1, 1, 3, 2, padding="same"), "Conv2d: padding is 'same'; wanted .* stride of 1"),
        (
            lambda: nn.Conv2d(1, 1, 3, padding_mode="mirror"),
            "padding_mode 'mirror' is unknown; wanted one of zeros",
        ),
        (lambda: nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect"), "ConvTranspose2d: padding_mode is 'reflect'"),
        (lambda: nn.ConvTranspose1d(4, 2, 3, groups=3), "ConvTranspose1d: groups 3 does not divide 4 input and 2"),
        (lambda: nn.MaxPool1d((2, 2)), "MaxPool1d: kernel_size is"),
        (lambda: nn.MaxPool2d(2, dilation=0), "MaxPool2d: dilation is 0"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), "AvgPool2d: divisor_override is 0"),
        (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), "AdaptiveAvgPool2d: output_size is"),
        (lambda: nn.AdaptiveMaxPool2d(0), "AdaptiveMaxPool2d: output_size is"),
        (lambda: nn.ZeroPad2d((1, 2)), r"ZeroPad2d: padding is \(1, 2\); wanted one integer or four"),
        (lambda: nn.PixelShuffle(0), "PixelShuffle: upscale_factor is 0"),
        (lambda: nn.Dropout(1.5), "Dropout: p is 1.5; wanted a probability between 0 and 1"),
        (lambda: nn.AlphaDropout(-1), "AlphaDropout: p is -1"),
        (lambda: nn.BatchNorm1d(0), "BatchNorm1d: num_features is 0"),
        (lambda: nn.BatchNorm2d(3, momentum=2), "BatchNorm2d: eps is 1e-05 and momentum 2; wanted"),
        (lambda: nn.BatchNorm2d(3)(tg.ones(2, 3)), r"BatchNorm2d: input has shape \(2, 3\); wanted 4 dimensions"),
        (lambda: nn.BatchNorm1d(3, affine=False)(tg.ones(2, 4)), "wanted 2 or 3 dimensions with 3 channels"),
        (lambda: nn.InstanceNorm2d(3)(tg.ones(2, 3)), r"InstanceNorm2d: input has shape \(2, 3\)"),
        (lambda: nn.GroupNorm(4, 6), "GroupNorm: 4 groups do not divide 6 channels"),
        (lambda: nn.GroupNorm(2, 6, affine=False)(tg.ones(2, 4)), r"GroupNorm: input has shape \(2, 4\)"),
        (lambda: nn.LayerNorm(()), r"LayerNorm: normalized_shape is \(\)"),
        (lambda: nn.RMSNorm((3, 0)), r"RMSNorm: normalized_shape is \(3, 0\)"),
        (lambda: nn.LocalResponseNorm(0), "LocalResponseNorm: size is 0"),
        (lambda: nn.PReLU(0), "PReLU: num_parameters is 0"),
        (lambda: nn.Hardtanh(1, 1), "Hardtanh: min_val is 1 and max_val 1; wanted min_val < max_val"),
        (lambda: nn.GELU("sin")(tg.ones(2)), "gelu: approximate is 'sin'"),
        (lambda: nn.Upsample(2, mode="cubic")(tg.ones(1, 1, 2, 2)), "interpolate: mode 'cubic'"),
        (lambda: nn.MSELoss(reduction="batchmean"), "MSELoss: reduction 'batchmean' is unknown"),
        (
            lambda: nn.KLDivLoss(reduction="meen"),
            "KLDivLoss: reduction 'meen'.*batchmean, mean.*did you mean 'mean'",
        ),
        (lambda: nn.TripletMarginLoss(0), "TripletMarginLoss: margin is 0; wanted more than 0"),
        (
            lambda: nn.ConvTranspose2d(1, 1, 3, stride=2)(tg.ones(1, 1, 4, 4), output_size=(11, 9)),
            r"ConvTranspose2d: output_size \(11, 9\) is not possible; the least .* is \(9, 9\)",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_batch_norm_keeps_running_statistics() -> None:
    """By hand: a tenth of the way to the batch's mean and corrected variance, or their averages so far."""
    x = tg.tensor([[1.0], [3.0]])
    moving, average = nn.BatchNorm1d(1), nn.BatchNorm1d(1, momentum=None)
    moving(x)
    average(x)
    average(x + 2)
    assert moving.running_mean.item() == pytest.approx(0.2)
    assert moving.running_var.item() == pytest.approx(0.9 + 0.1 * 2)
    assert average.running_mean.item() == pytest.approx(3)
    assert (moving.num_batches_tracked.item(), average.num_batches_tracked.item()) == (1, 2)
    average.reset_running_stats()
    assert [t.item() for t in average.buffers()] == [0, 1, 0]


def test_a_batch_that_is_refused_leaves_the_statistics_alone() -> None:
    norm = nn.BatchNorm1d(2)
    with pytest.raises(ValueError, match="more than one value"):
        norm(tg.ones(1, 2))
    assert norm.num_batches_tracked.item() == 0
    assert not norm.running_mean.numpy().any()


def test_the_row_for_padding_stays_zero() -> None:
    table = nn.Embedding(3, 2, padding_idx=0)
    table(tg.tensor([0, 1])).sum().backward()
    assert not table.weight[0].detach().numpy().any()
    assert table.weight.grad.tolist() == [[0, 0], [1, 1], [0, 0]]


def test_dropout_is_for_training_only() -> None:
    x = tg.ones(1000)
    layer = nn.Dropout(0.5)
    assert set(layer(x).tolist()) == {0.0, 2.0}
    assert layer.eval()(x).tolist() == x.tolist()


def test_the_output_size_of_a_transposed_convolution_may_be_chosen() -> None:
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2)
    for size in ((9, 10), (1, 3, 10, 9)):
        assert layer(tg.ones(1, 2, 4, 4), output_size=size).shape[-2:] == size[-2:]


def test_a_setting_that_is_changed_counts() -> None:
    layer = nn.LeakyReLU(0.5)
    layer.negative_slope = 0.25
    assert layer(tg.tensor(-4.0)).item() == -1
    assert repr(layer) == "LeakyReLU(negative_slope=0.25)"


OVERWRITING = [
    *(
        nn.ReLU,
        nn.LeakyReLU,
        nn.Hardtanh,
        nn.ReLU6,
        nn.Hardsigmoid,
        nn.Hardswish,
        nn.ELU,
        nn.CELU,
        nn.SELU,
        nn.SiLU,
    ),
    *(nn.Mish, nn.Dropout, nn.Dropout1d, nn.AlphaDropout),
    lambda inplace: nn.Threshold(0.1, 0.25, inplace),
    lambda inplace: nn.Sequential(nn.Unflatten(0, (1, 2)), nn.Dropout2d(0.5, inplace), nn.Flatten(0, 1)),
]


@pytest.mark.parametrize("make", OVERWRITING)
def test_in_place_overwrites_the_input_and_has_the_same_derivative(make: Any) -> None:
    x, y = (tg.tensor(np.linspace(-4, 4, 24).reshape(2, 3, 4), requires_grad=True) for _ in range(2))
    expected = call(make(inplace=False), x)
    before = y * 1.0
    call(make(inplace=True), before)
    assert before.tolist() == expected.tolist()
    (expected * expected).sum().backward()
    (before * before).sum().backward()
    np.testing.assert_allclose(y.grad.array, x.grad.array, rtol=1e-12)
    plain = x.detach().clone()
    call(make(inplace=True), plain)
    assert plain.tolist() == expected.tolist()


def test_in_place_is_shown_and_refuses_a_leaf() -> None:
    assert repr(nn.ReLU(True)) == "ReLU(inplace=True)"
    with pytest.raises(RuntimeError, match="relu_: a leaf that requires a gradient"):
        nn.ReLU(True)(tg.ones(1, requires_grad=True))


def test_a_loss_warns_of_shapes_that_broadcast() -> None:
    with pytest.warns(UserWarning, match="mse_loss: input of shape"):
        nn.MSELoss()(tg.ones(2, 1), tg.ones(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.MSELoss()(tg.ones(2), tg.ones(2))


@pytest.mark.parametrize("strict", [True, False])
def test_weights_without_the_count_of_batches_are_taken_as_in_pytorch(strict: bool) -> None:
    model = nn.Sequential(nn.BatchNorm2d(2), nn.InstanceNorm1d(2, track_running_stats=True))
    for norm in model:
        norm.num_batches_tracked.fill_(7)
    counts = [name for name in model.state_dict() if name.endswith("num_batches_tracked")]
    state = {name: tg.full(tensor.shape, 3.0) for name, tensor in model.state_dict().items() if name not in counts}
    assert len(counts) == 2
    assert model.load_state_dict(state, strict) == ([], [])
    assert model[0].running_mean.tolist() == [3, 3]
    assert [norm.num_batches_tracked.item() for norm in model] == [7, 7]
    with pytest.raises(RuntimeError, match=r"nothing was loaded\n  missing: 0\.bias$"):
        model.load_state_dict({name: tensor for name, tensor in state.items() if name != "0.bias"})


def test_batch_norm_in_evaluation_uses_running_statistics() -> None:
    norm = nn.BatchNorm1d(1, eps=0.0)
    norm.running_mean.fill_(2)
    norm.running_var.fill_(4)
    assert norm.eval()(tg.tensor([[4.0], [8.0]])).tolist() == [[1], [3]]


def test_padding_to_the_same_size_has_the_odd_column_at_the_end() -> None:
    """As in PyTorch, whatever is put into the border."""
    row = tg.tensor([[1.0, 2.0, 3.0]])
    for mode, last in (("zeros", 0), ("replicate", 3), ("reflect", 2), ("circular", 1)):
        layer = nn.Conv1d(1, 1, 2, padding="same", padding_mode=mode, bias=False)
        layer.load_state_dict({"weight": tg.tensor([[[0.0, 1.0]]])})
        assert layer(row).tolist() == [[2, 3, last]]
