"""Initialisers have PyTorch's spread, and LeNet gives its values and gradients from the same state."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn

torch = pytest.importorskip("torch")

CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def shared_state(ours, theirs):
    """Give our module PyTorch's state, in float64."""
    theirs.double()
    ours.double().load_state_dict({name: t.numpy() for name, t in theirs.state_dict().items()})


def compare(ours, theirs, x):
    """Check the value, and the gradients of input and parameters for a random gradient of the result."""
    shared_state(ours, theirs)
    a, b = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, wanted = ours(a), theirs(b)
    np.testing.assert_allclose(out.detach().numpy(), wanted.detach().numpy(), **CLOSE)
    g = np.random.default_rng(1).standard_normal(out.shape)
    out.backward(tg.tensor(g))
    wanted.backward(torch.tensor(g))
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), **CLOSE)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **CLOSE, err_msg=name)


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu"])
def test_the_same_gains(nonlinearity):
    param = 0.3 if nonlinearity == "leaky_relu" else None
    assert nn.init.calculate_gain(nonlinearity, param) == pytest.approx(
        torch.nn.init.calculate_gain(nonlinearity, param)
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("kaiming_uniform_", {"a": 0.5, "mode": "fan_out"}),
        ("kaiming_normal_", {"nonlinearity": "relu"}),
        ("xavier_uniform_", {"gain": 2.0}),
        ("xavier_normal_", {}),
    ],
)
def test_initialisers_have_the_same_spread(name, options):
    ours, theirs = tg.empty(40, 30, 3, 5), torch.empty(40, 30, 3, 5)
    getattr(nn.init, name)(ours, **options)
    getattr(torch.nn.init, name)(theirs, **options)
    assert ours.numpy().std() == pytest.approx(theirs.numpy().std(), rel=0.03)


class TorchLeNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 6, 5)
        self.conv2 = torch.nn.Conv2d(6, 16, 5)
        self.pool = torch.nn.MaxPool2d(2)
        self.fc1 = torch.nn.Linear(256, 120)
        self.fc2 = torch.nn.Linear(120, 84)
        self.fc3 = torch.nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))


def test_lenet_loss_and_gradients():
    ours, theirs = tg.models.LeNet(), TorchLeNet()
    assert repr(ours).replace("LeNet", "TorchLeNet", 1) == repr(theirs)
    compare(ours, theirs, normal((4, 1, 28, 28)))
    ours.zero_grad()
    theirs.zero_grad()
    x, y = normal((4, 1, 28, 28), 5), np.array([3, 1, 4, 1])
    loss = tg.cross_entropy(ours(tg.tensor(x)), tg.tensor(y))
    wanted = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(y))
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-12)
    loss.backward()
    wanted.backward()
    for (name, p), q in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == q[0]
        np.testing.assert_allclose(p.grad.numpy(), q[1].grad.numpy(), **CLOSE, err_msg=name)
