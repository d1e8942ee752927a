"""Averages of models: means of parameters, buffers, and the statistics of batch normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.optim.swa_utils import SWALR, AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn, update_bn

VALUES = [1.0, 4.0, 10.0, -3.0]


def updated(**options: Any) -> tuple[AveragedModel, nn.Module]:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    averaged = AveragedModel(model, **options)
    for value in VALUES:
        with tg.no_grad():
            for p in [*model.parameters(), model[1].running_mean]:
                p.fill_(value)
        averaged.update_parameters(model)
    return averaged, model


def ema(decay: float) -> float:
    mean = VALUES[0]
    for value in VALUES[1:]:
        mean = decay * mean + (1 - decay) * value
    return mean


@pytest.mark.parametrize(
    ("options", "mean", "buffer"),
    [
        ({}, 3.0, -3.0),
        ({"use_buffers": True}, 3.0, 3.0),
        ({"avg_fn": get_ema_avg_fn(0.9)}, ema(0.9), -3.0),
        ({"multi_avg_fn": get_ema_multi_avg_fn(0.9)}, ema(0.9), -3.0),
        ({"avg_fn": lambda averaged, current, count: averaged + current * count}, 1 + 4 + 20 - 9, -3.0),
    ],
)
def test_parameters_are_means_and_buffers_the_last(options: Any, mean: float, buffer: float) -> None:
    averaged, model = updated(**options)
    for p in averaged.module.parameters():
        np.testing.assert_allclose(p.detach().numpy(), mean, rtol=1e-6)
    np.testing.assert_allclose(averaged.module[1].running_mean.numpy(), buffer, rtol=1e-6)
    assert averaged.n_averaged.item() == 4
    assert next(name for name, _ in averaged.named_parameters()) == "module.0.weight"
    assert "n_averaged" in averaged.state_dict()
    assert model[0].weight.tolist() == [[-3, -3]] * 3
    assert averaged(tg.ones(4, 2)).shape == (4, 3)


def test_statistics_of_batch_norm_are_those_of_one_pass() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2, momentum=0.3), nn.Dropout(0.5)).eval()
    batches = [tg.rand(50, 2) * 3 + 1 for _ in range(4)]
    update_bn([(batch, 1) for batch in batches], model)
    means = np.mean([batch.numpy().mean(0) for batch in batches], axis=0)
    np.testing.assert_allclose(model[0].running_mean.numpy(), means, rtol=1e-5)
    assert model[0].momentum == 0.3
    assert not model.training
    update_bn(batches, nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda o: AveragedModel(nn.Linear(1, 1), avg_fn=print, multi_avg_fn=print),
            "AveragedModel: wanted avg_fn",
        ),
        (lambda o: get_ema_avg_fn(2), "get_ema_avg_fn: decay is 2"),
        (lambda o: SWALR(o, 0.1, anneal_strategy="exp"), "SWALR: anneal_strategy is 'exp'"),
        (lambda o: SWALR(o, 0.1, anneal_epochs=-1), "SWALR: anneal_epochs is -1"),
        (lambda o: SWALR(o, [0.1, 0.2]), "SWALR: swa_lr has 2 values for 1 groups"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(tg.optim.SGD([nn.Parameter([1.0])]))
