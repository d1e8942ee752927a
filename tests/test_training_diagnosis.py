"""Training that meets a NaN or an infinity stops, says where it came from, and leaves the last good weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.training import EarlyStopping, Trainer
from tinygrad_cnn.training.diagnosis import all_finite

POINTS = np.random.default_rng(0).standard_normal((32, 2)).astype(np.float32)
Loss = Callable[[tg.Tensor, tg.Tensor], tg.Tensor]


def data(points: np.ndarray = POINTS) -> DataLoader:
    return DataLoader(TensorDataset(tg.tensor(points), tg.tensor((POINTS.sum(1) > 0).astype(int))), 8)


def trainer(loss: Loss = nn.functional.cross_entropy, lr: float = 0.1, model: nn.Module | None = None) -> Trainer:
    tg.manual_seed(0)
    model = model or nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    return Trainer(model, loss, optim.SGD(model.parameters(), lr))


def at_step(number: int, harm: Callable[[tg.Tensor], tg.Tensor]) -> Loss:
    """A loss that an operation is done to from one step on; the step that is done again is the same one."""
    calls = []

    def loss(outputs: tg.Tensor, labels: tg.Tensor) -> tg.Tensor:
        calls.append(outputs)
        value = nn.functional.cross_entropy(outputs, labels)
        return harm(value) if len(calls) >= number else value

    return loss


HARMS = {
    "log": (lambda loss: (loss * 0).log(), "the loss is -inf", "operation is log", "no finite value"),
    "sqrt": (
        lambda loss: loss + (loss * 0).sqrt(),
        "the gradient is not finite",
        "operation is the derivative of sqrt",
        "no finite value",
    ),
    "exp": (lambda loss: (loss * 1e4).exp(), "the loss is inf", "operation is exp", "no finite value"),
    "mul": (lambda loss: loss * 1e30 * 1e30, "the loss is inf", "operation is mul", "diverges"),
}


@pytest.mark.parametrize("raises", [False, True], ids=["NumPy ignores", "NumPy raises"])
@pytest.mark.parametrize("harm", HARMS)
def test_it_says_where_and_why_and_leaves_the_last_good_weights(harm: str, raises: bool) -> None:
    operation, what, first, cause = HARMS[harm]
    run = trainer(at_step(7, operation))
    good = trainer(nn.functional.cross_entropy)
    good.fit(data(), epochs=1)  # the harm comes in step 3 of epoch 2
    with (
        np.errstate(all="raise" if raises else "ignore"),
        pytest.raises(FloatingPointError, match="fit: stopped in epoch 2, step 3: ") as caught,
    ):
        run.fit(data(), epochs=3)
    said = str(caught.value)
    assert raises or what in said
    assert first.replace("operation is", "operation concerned is") in said
    assert f"{Path(__file__).name}:" in said
    assert cause in said
    for mine, wanted in zip(run.model.parameters(), good.model.parameters(), strict=True):
        np.testing.assert_array_equal(mine.array, wanted.array)
    assert len(run.history) == 1


def test_a_sample_that_is_not_a_number_is_named() -> None:
    points = POINTS.copy()
    points[13] = np.nan
    message = r"epoch 1, step 2: .*the batch of inputs holds .* in 1 of 8 samples \(the first is number 5\)"
    with pytest.raises(FloatingPointError, match=message):
        trainer().fit(data(points), epochs=1)


def test_a_weight_that_is_not_a_number_is_named() -> None:
    run = trainer()
    run.model[2].weight.array[0, 0] = np.inf
    with (
        np.errstate(all="ignore"),
        pytest.raises(FloatingPointError, match=r"step 1: .*: 2\.weight holds a NaN or"),
    ):
        run.fit(data(), epochs=1)


def test_a_learning_rate_that_is_far_too_high_is_called_so() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="lower the learning rate"):
        trainer(lr=1e15, model=model).fit(data(), epochs=3)


def test_weights_that_the_last_step_spoils_do_not_pass() -> None:
    run = trainer()
    before = [p.tolist() for p in run.model.parameters()]
    step, steps = run.optimizer.step, []

    def spoil() -> None:
        step()
        steps.append(1)
        if len(steps) == 4:
            run.model[0].weight.array[0, 0] = np.inf

    run.optimizer.step = spoil
    with pytest.raises(FloatingPointError, match="made weights that are not finite"):
        run.fit(data(), epochs=1)
    assert [p.tolist() for p in run.model.parameters()] == before


@pytest.mark.parametrize("most", [1e-3, 1e-6])
def test_a_gradient_is_clipped_before_its_step(most: float) -> None:
    run = trainer(lr=1.0)
    run.clip_gradient = most
    before = np.concatenate([p.array.ravel() for p in run.model.parameters()])
    run.fit(data(), epochs=1)
    moved = np.concatenate([p.array.ravel() for p in run.model.parameters()]) - before
    assert 0 < np.linalg.norm(moved) <= 4.01 * most  # four steps


@pytest.mark.parametrize("most", [0.0, -1.0, float("nan")])
def test_a_norm_that_clips_all_is_refused(most: float) -> None:
    model = nn.Linear(1, 1)
    with pytest.raises(ValueError, match=f"clip_gradient is {most}; wanted a norm above 0, or None"):
        Trainer(model, nn.functional.cross_entropy, optim.SGD(model.parameters()), clip_gradient=most)


def test_early_stoppings_best_weights_come_before_the_last_good_ones() -> None:
    run = trainer(at_step(40, lambda loss: (loss * 0).log()))
    stopper = EarlyStopping(9, monitor="train_loss")
    run.callbacks = (stopper,)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError):
        run.fit(data(), epochs=20)
    best = stopper.state_dict()["best_weights"]
    assert all(np.array_equal(best[name].array, p.array) for name, p in run.model.state_dict().items())


@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=5),
    st.sampled_from([None, np.nan, np.inf, -np.inf]),
    st.data(),
)
def test_any_number_that_is_not_finite_is_seen_and_no_finite_one(
    values: list[float], wrong: float | None, drawn: st.DataObject
) -> None:
    array = np.array(values, np.float32)
    if wrong is not None:
        array[drawn.draw(st.integers(0, len(values) - 1))] = wrong
    assert all_finite([tg.ones(3), tg.tensor(array)]) == (wrong is None)
