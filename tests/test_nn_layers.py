"""Layers are their functions with parameters; what makes no sense is refused when they are made."""

import inspect

import numpy as np
import pytest

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tinygrad_cnn import nn, ops


def array(shape, seed=0):
    return tg.tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


X = array((2, 4, 6, 6))

LAYERS = [
    (nn.Linear(6, 3), lambda m: ops.linear(X, m.weight, m.bias)),
    (nn.Linear(6, 3, bias=False), lambda m: ops.linear(X, m.weight)),
    (
        nn.Conv2d(4, 6, (3, 2), 2, (1, 0), (1, 2), groups=2),
        lambda m: ops.conv2d(X, m.weight, m.bias, 2, (1, 0), (1, 2), 2),
    ),
    (nn.Conv2d(4, 6, 3, bias=False), lambda m: ops.conv2d(X, m.weight)),
    (nn.MaxPool2d(3, 2, 1), lambda m: ops.max_pool2d(X, 3, 2, 1)),
    (nn.MaxPool2d((2, 3)), lambda m: ops.max_pool2d(X, (2, 3))),
    (nn.AvgPool2d(3, 1, 1), lambda m: ops.avg_pool2d(X, 3, 1, 1)),
    (nn.ReLU(), lambda m: ops.relu(X)),
    (nn.Tanh(), lambda m: ops.tanh(X)),
    (nn.Sigmoid(), lambda m: ops.sigmoid(X)),
    (nn.Softmax(1), lambda m: ops.softmax(X, 1)),
    (nn.LogSoftmax(dim=-1), lambda m: ops.log_softmax(X, -1)),
    (nn.Flatten(), lambda m: ops.flatten(X, 1)),
    (nn.Flatten(0, 1), lambda m: ops.flatten(X, 0, 1)),
]


@pytest.mark.parametrize(("layer", "function"), LAYERS, ids=[repr(layer) for layer, _ in LAYERS])
def test_a_layer_is_its_function_and_stays_float32(layer, function):
    out = layer(X)
    assert np.array_equal(out.detach().numpy(), function(layer).detach().numpy())
    assert out.dtype == tg.float32
    if out.requires_grad:
        out.sum().backward()
        assert all(p.grad.dtype == tg.float32 and p.grad.shape == p.shape for p in layer.parameters())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_are_their_functions(reduction):
    logits, target = array((3, 4)), tg.tensor([1, 0, 3])
    loss = nn.CrossEntropyLoss(reduction=reduction)(logits, target)
    assert np.array_equal(loss.numpy(), ops.cross_entropy(logits, target, reduction=reduction).numpy())
    loss = nn.NLLLoss(reduction=reduction)(logits.log_softmax(1), target)
    assert np.array_equal(loss.numpy(), ops.nll_loss(logits.log_softmax(1), target, reduction=reduction).numpy())


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Linear(2, 3, bias=False), "Linear(in_features=2, out_features=3, bias=False)"),
        (nn.Conv2d(1, 6, 5), "Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))"),
        (
            nn.Conv2d(2, 6, 5, 2, 1, 3, 2, False),
            "Conv2d(2, 6, kernel_size=(5, 5), stride=(2, 2), padding=(1, 1), dilation=(3, 3), groups=2, "
            "bias=False)",
        ),
        (nn.MaxPool2d(2), "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"),
        (nn.Softmax(1), "Softmax(dim=1)"),
        (nn.CrossEntropyLoss(), "CrossEntropyLoss()"),
    ],
)
def test_repr(layer, text):
    assert repr(layer) == text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(0, 3), "Linear: in_features is 0; wanted an integer of at least 1"),
        (lambda: nn.Linear(3, 2.0), "Linear: out_features is 2.0"),
        (lambda: nn.Linear(True, 3), "Linear: in_features is True"),
        (lambda: nn.Conv2d(-1, 3, 3), "Conv2d: in_channels is -1"),
        (lambda: nn.Conv2d(1, 0, 3), "Conv2d: out_channels is 0"),
        (lambda: nn.Conv2d(1, 3, 0), "Conv2d: kernel_size is 0"),
        (lambda: nn.Conv2d(1, 3, 3, stride=0), "Conv2d: stride is 0"),
        (lambda: nn.Conv2d(1, 3, 3, padding=-1), "Conv2d: padding is -1"),
        (lambda: nn.Conv2d(1, 3, 3, dilation=(1, 2, 3)), "Conv2d: dilation is"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), "Conv2d: groups is 0"),
        (lambda: nn.Conv2d(4, 6, 3, groups=4), "Conv2d: groups 4 does not divide 4 input and 6 output"),
        (lambda: nn.MaxPool2d(0), "MaxPool2d: kernel_size is 0"),
        (lambda: nn.AvgPool2d(2, stride=0), "AvgPool2d: stride is 0"),
        (lambda: nn.AvgPool2d(2, padding=-1), "AvgPool2d: padding is -1"),
        (lambda: nn.CrossEntropyLoss(reduction="meen"), "CrossEntropyLoss: reduction 'meen'.*did you mean 'mean'"),
        (lambda: nn.NLLLoss(reduction=None), "NLLLoss: reduction None"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "make", [lambda dtype: nn.Linear(2, 3, dtype=dtype), lambda dtype: nn.Conv2d(2, 3, 1, dtype=dtype)]
)
def test_the_type_is_float32_or_what_is_asked_for(make):
    assert {p.dtype for p in make(None).parameters()} == {tg.float32}
    assert {p.dtype for p in make(tg.float64).parameters()} == {tg.float64}


def test_layers_without_bias_keep_its_name_for_a_parameter():
    layer = nn.Linear(2, 3, bias=False)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    with pytest.raises(TypeError, match="bias"):
        layer.bias = tg.zeros(3)


def test_functional_offers_the_operations_themselves():
    assert len(F.__all__) == len(set(F.__all__))
    with_inplace = {"celu", "relu", "selu", "threshold"}
    with_old_arguments = {"softmax", "log_softmax", "cross_entropy", "nll_loss"}  # no dim; size_average, reduce
    same = [name for name in F.__all__ if hasattr(ops, name) and name not in with_inplace | with_old_arguments]
    assert all(inspect.unwrap(getattr(F, name)) is inspect.unwrap(getattr(ops, name)) for name in same)
    assert inspect.unwrap(F.sigmoid) is ops.sigmoid
