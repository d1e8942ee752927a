"""Misuse that runs in silence elsewhere: an error or a warning says what is wrong; what is meant stays quiet."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.optim.lr_scheduler import StepLR
from tinygrad_cnn.training import Trainer

WEIGHT = nn.Parameter([1.0, 2.0])


def doubles(*shape: int) -> tg.Tensor:
    return tg.tensor(np.zeros(shape))


def loss_of(model: nn.Module, x: tg.Tensor) -> tg.Tensor:
    return (model(x) ** 2).sum()


def again(y: tg.Tensor) -> None:
    y.backward()
    y.backward()


def overwritten() -> None:
    x = tg.ones(2, requires_grad=True)
    y = x.exp()
    with tg.no_grad():
        y += 1.0
    y.sum().backward()


ERRORS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "backward twice": (lambda: again((WEIGHT * WEIGHT).sum()), RuntimeError, r"freed.*retain_graph=True"),
    "overwritten operand": (
        overwritten,
        RuntimeError,
        r"exp needs a value that .* has since overwritten.*clone\(\)",
    ),
    "no parameters": (lambda: optim.SGD([], lr=0.1), ValueError, "SGD: there are no parameters"),
    "a parameter twice": (lambda: optim.SGD([WEIGHT, WEIGHT]), ValueError, r"shape \(2,\) is given twice"),
    "a parameter in two groups": (
        lambda: optim.SGD([{"params": [WEIGHT]}, {"params": [WEIGHT]}]),
        ValueError,
        r"shape \(2,\) is given twice",
    ),
    "label too large": (
        lambda: F.cross_entropy(tg.zeros(2, 3), tg.tensor([0, 3])),
        IndexError,
        "class 3; wanted 0 to 2",
    ),
    "label negative": (
        lambda: F.nll_loss(tg.zeros(2, 3), tg.tensor([-1, 0])),
        IndexError,
        "class -1; wanted 0 to 2",
    ),
    "labels in a column": (
        lambda: F.cross_entropy(tg.zeros(2, 3), tg.tensor([[0], [1]])),
        ValueError,
        r"target of shape \(2, 1\) does not fit input \(2, 3\): wanted \(2,\)",
    ),
    "float64 into a linear layer": (
        lambda: nn.Linear(2, 1)(doubles(3, 2)),
        TypeError,
        r"linear: input is float64.*\.float\(\)",
    ),
    "float64 into a convolution": (
        lambda: nn.Conv2d(1, 2, 3)(doubles(1, 1, 5, 5)),
        TypeError,
        r"conv2d: input is float64, weight is float32.*convert the data with \.float\(\)",
    ),
    "float64 into batch_norm": (lambda: nn.BatchNorm1d(2)(doubles(3, 2)), TypeError, r"float64.*\.float\(\)"),
    "float64 labels": (
        lambda: F.cross_entropy(tg.zeros(2, 3), doubles(2, 3)),
        TypeError,
        r"target is float64.*\.float\(\)",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_each_error_says(name: str) -> None:
    wrong, error, message = ERRORS[name]
    with pytest.raises(error, match=message):
        wrong()


# --- warnings: at the user's line, once for each ---


def a_step_early() -> None:
    StepLR(optim.SGD([nn.Parameter([1.0])], lr=0.1), 1).step()


def without_grad(module: nn.Module, *shape: int) -> None:
    with tg.no_grad():
        module(tg.ones(*shape))


def logits(*shape: int) -> tg.Tensor:
    return tg.ones(*shape, requires_grad=True)


WARNINGS: dict[str, tuple[Callable[[], object], str]] = {
    "softmax before cross_entropy": (
        lambda: F.cross_entropy(F.softmax(logits(2, 3), 1), tg.tensor([0, 1])),
        "cross_entropy: the input is the result of softmax, which is probably a mistake; it applies softmax itself",
    ),
    "softmax before CrossEntropyLoss": (
        lambda: nn.CrossEntropyLoss()(nn.Softmax(1)(logits(2, 3)), tg.tensor([0, 1])),
        "cross_entropy: the input is the result of softmax",
    ),
    "softmax before nll_loss": (
        lambda: F.nll_loss(F.softmax(logits(2, 3), 1), tg.tensor([0, 1])),
        "nll_loss: .*log_softmax",
    ),
    "sigmoid before bce_with_logits": (
        lambda: F.binary_cross_entropy_with_logits(tg.sigmoid(logits(2)), tg.ones(2)),
        "with_logits: the input is the result of sigmoid.*use binary_cross_entropy",
    ),
    "schedule before optimizer": (a_step_early, r"StepLR: step\(\) before the optimizer's first"),
    "dropout in training mode": (
        lambda: without_grad(nn.Dropout(0.5), 2),
        r"Dropout: called in training mode.*eval\(\)",
    ),
    "batch norm in training mode": (
        lambda: without_grad(nn.BatchNorm1d(2), 3, 2),
        "BatchNorm1d: called in training mode",
    ),
    "a target in float64": (
        lambda: F.mse_loss(tg.zeros(2), doubles(2)),
        r"target float64, and so is the loss.*target\.to\(float32\)",
    ),
}
COMPARED = (
    "mse_loss l1_loss smooth_l1_loss huber_loss kl_div poisson_nll_loss soft_margin_loss hinge_embedding_loss"
)
for _name in COMPARED.split():
    WARNINGS[f"a row against a column in {_name}"] = (
        lambda name=_name: getattr(F, name)(tg.ones(3), tg.ones(3, 1)),
        rf"{_name}: input of shape \(3,\) and target of shape \(3, 1\) broadcast",
    )
WARNINGS["a row against a column in gaussian_nll_loss"] = (
    lambda: F.gaussian_nll_loss(tg.ones(3), tg.ones(3, 1), tg.ones(3)),
    "gaussian_nll_loss: .* broadcast",
)
WARNINGS["a row against a column in margin_ranking_loss"] = (
    lambda: F.margin_ranking_loss(tg.ones(3), tg.ones(3, 1), tg.ones(3)),
    "margin_ranking_loss: .* broadcast",
)


@pytest.mark.parametrize("name", WARNINGS)
def test_what_each_warning_says(name: str) -> None:
    wrong, message = WARNINGS[name]
    with pytest.warns(UserWarning, match=message) as caught:
        wrong()
    assert [warning.filename for warning in caught] == [__file__]


def test_a_line_is_warned_of_once() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            F.mse_loss(tg.ones(3), tg.ones(3, 1))
    assert [warning.lineno for warning in caught] == [inspect.stack()[0].lineno - 1]


def test_what_is_meant_is_not_warned_of() -> None:
    F.cross_entropy(F.log_softmax(logits(2, 3), 1), tg.tensor([0, 1]))
    F.binary_cross_entropy(tg.sigmoid(logits(2)), tg.ones(2))
    F.soft_margin_loss(tg.ones(3), tg.tensor(1.0))
    without_grad(nn.Dropout(0.5).eval(), 2)
    without_grad(nn.Dropout(0.0), 2)
    without_grad(nn.BatchNorm1d(2, track_running_stats=False), 3, 2)
    with tg.no_grad():
        F.dropout(tg.ones(2), training=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Dropout: called in training mode")
        without_grad(nn.Dropout(0.5), 2)


# --- a forgotten zero_grad: seen where backward alone wrote to a gradient, over two steps and after ---


def steps(count: int, clear: Callable[[optim.Optimizer, nn.Module], object], backwards: int = 1) -> None:
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    for _ in range(count):
        for _ in range(backwards):
            loss_of(model, tg.ones(3, 2)).backward()
        optimizer.step()
        clear(optimizer, model)


@pytest.mark.parametrize("backwards", [1, 3])
def test_a_forgotten_zero_grad(backwards: int) -> None:
    with pytest.warns(UserWarning, match=r"SGD: backward\(\) still adds to the gradient.*zero_grad\(\) forgotten"):
        steps(3, lambda optimizer, model: None, backwards)


def decayed(model: nn.Module) -> None:
    for p in model.parameters():
        p.grad.mul_(0.9)


@pytest.mark.parametrize("backwards", [1, 3])
@pytest.mark.parametrize(
    "clear",
    [
        lambda optimizer, model: optimizer.zero_grad(),
        lambda optimizer, model: optimizer.zero_grad(set_to_none=False),
        lambda optimizer, model: model.zero_grad(),
        lambda optimizer, model: [p.grad.zero_() for p in model.parameters()],
        lambda optimizer, model: [p.grad.fill_(0.0) for p in model.parameters()],
        lambda optimizer, model: decayed(model),
    ],
    ids=["zero_grad", "to zeros", "the model's", "zero_", "fill_", "decayed on purpose"],
)
def test_gradients_that_are_cleared_or_gathered_on_purpose(clear, backwards: int) -> None:
    steps(5, clear, backwards)


def test_steps_on_one_gradient_are_no_forgotten_zero_grad() -> None:
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    loss_of(model, tg.ones(3, 2)).backward()
    for _ in range(3):
        optimizer.step()


# --- a parameter that backward does not reach ---


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Linear(1, 2)
        self.forgotten = nn.Linear(1, 2)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return self.used(x)


def fit(model: nn.Module) -> None:
    data = DataLoader(TensorDataset(tg.tensor([[-1.0], [1.0]]), tg.tensor([0, 1])), batch_size=1)
    Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1)).fit(data)


def test_a_parameter_that_the_loss_does_not_depend_on_is_named_once() -> None:
    with pytest.warns(
        UserWarning, match=r"fit: the loss does not depend on forgotten\.weight, forgotten\.bias"
    ) as caught:
        fit(Two())
    assert len(caught) == 1


def test_a_frozen_parameter_is_not_warned_of() -> None:
    model = Two()
    model.forgotten.requires_grad_(False)
    fit(model)
