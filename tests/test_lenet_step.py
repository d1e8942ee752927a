"""One training step of LeNet is so many operations and no more: an extra node, copy or conversion shows here."""

from __future__ import annotations

from collections import Counter

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.tape.watch import Call, watch

FORWARD = {"conv2d": 2, "max_pool2d": 2, "relu": 4, "reshape": 1, "linear": 3, "class_cross_entropy": 1}
BACKWARD = {
    "softmax": 1,  # of the loss
    "matmul": 3,  # the gradients of the weights of three linear layers
    "linear": 3,  # those of their inputs
    "where_nonzero": 4,  # of relu
    "reshape": 1,
    "max_unpool2d": 2,
    "conv2d_weight": 2,
    "conv2d_input": 1,  # the images need no gradient
    "sum": 5,  # the gradients of the biases
}


@pytest.mark.parametrize("batch", [1, 64])
def test_a_step_records_and_calls_these_operations_and_no_others(batch: int) -> None:
    model = LeNet()
    optimizer = tg.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    images, labels = tg.rand(batch, 1, 28, 28), tg.zeros(batch, dtype=tg.int64)
    forward, backward, step = list[Call](), list[Call](), list[Call]()
    for _ in range(2):  # the first step also makes the gradients and the momentum
        optimizer.zero_grad()
        with watch(forward.append):
            loss = tg.cross_entropy(model(images), labels)
        nodes = Counter(node.operation.name for node in loss.grad_fn.ancestors())
        with watch(backward.append):
            loss.backward()
        with watch(step.append):
            optimizer.step()
        assert nodes == FORWARD
        assert names(forward) == FORWARD
        assert names(backward) == BACKWARD
        assert not step
        forward.clear()
        backward.clear()


def names(calls: list[Call]) -> Counter[str]:
    return Counter(call.operation.name for call in calls)
