"""The small network: its size, its shapes, and that all of it learns."""

from __future__ import annotations

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.models import SmallCNN


def test_it_has_fewer_than_nine_thousand_parameters() -> None:
    assert sum(p.numel() for p in SmallCNN().parameters()) == 8_554


def test_it_turns_images_into_logits_and_every_parameter_learns() -> None:
    tg.manual_seed(0)
    model = SmallCNN(num_classes=7)
    logits = model(tg.rand(3, 1, 28, 28))
    assert logits.shape == (3, 7)
    tg.cross_entropy(logits, tg.tensor([0, 3, 6])).backward()
    assert all(p.grad.dtype == tg.float32 and p.grad.array.any() for p in model.parameters())


def test_it_drops_numbers_only_in_training() -> None:
    tg.manual_seed(0)
    model, images = SmallCNN(dropout=0.5), tg.rand(2, 1, 28, 28)
    assert not tg.equal(model(images), model(images))
    model.eval()
    assert tg.equal(model(images), model(images))


@pytest.mark.parametrize("shape", [(28, 28), (2, 3, 28, 28), (2, 1, 32, 32)])
def test_it_says_what_images_it_wants(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"SmallCNN: wanted images of shape \(N, 1, 28, 28\), got"):
        SmallCNN()(tg.zeros(shape))
