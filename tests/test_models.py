"""LeNet is the report's network."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.models import LeNet


def test_lenet_has_44426_parameters_under_known_names():
    state = LeNet().state_dict()
    assert sum(t.numel() for t in state.values()) == 44_426
    layers = ["conv1", "conv2", "fc1", "fc2", "fc3"]
    assert list(state) == [f"{layer}.{name}" for layer in layers for name in ("weight", "bias")]
    assert [state[f"{layer}.weight"].shape for layer in layers] == [
        (6, 1, 5, 5),
        (16, 6, 5, 5),
        (120, 256),
        (84, 120),
        (10, 84),
    ]


@pytest.mark.parametrize("batch", [1, 3])
def test_lenet_turns_images_into_logits_in_float32(batch):
    model = LeNet(num_classes=7)
    logits = model(tg.randn(batch, 1, 28, 28))
    assert logits.shape == (batch, 7)
    tg.cross_entropy(logits, tg.zeros(batch, dtype=tg.int64)).backward()
    assert all(p.grad.dtype == p.dtype == tg.float32 and p.grad.array.any() for p in model.parameters())


def test_lenet_learns_a_batch_by_heart():
    generator = tg.manual_seed(0)
    model, images = LeNet(), tg.randn(8, 1, 28, 28)
    labels = tg.tensor(generator.integers(0, 10, 8))
    optimizer = tg.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(60):
        optimizer.zero_grad()
        loss = tg.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    assert np.array_equal(model(images).argmax(1).numpy(), labels.numpy())


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (2, 3, 28, 28), (2, 1, 32, 32), (784,)])
def test_lenet_says_what_images_it_wants(shape):
    with pytest.raises(ValueError, match=r"LeNet: wanted images of shape \(N, 1, 28, 28\), got"):
        LeNet()(tg.zeros(shape))
