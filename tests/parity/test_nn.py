"""Layers, losses and LeNet give PyTorch's values and gradients from the same state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)])
def test_linear(shape, bias):
    compare(nn.Linear(5, 4, bias), torch.nn.Linear(5, 4, bias), normal(shape))


sizes = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=40, deadline=None)
@given(
    groups=st.integers(1, 3),
    per_group=sizes,
    kernel=sizes,
    stride=sizes,
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    bias=st.booleans(),
    batch=st.integers(1, 3),
    size=st.tuples(st.integers(5, 8), st.integers(5, 8)),
)
def test_conv2d(groups, per_group, kernel, stride, padding, dilation, bias, batch, size):
    channels = groups * per_group[0], groups * per_group[1]
    args = (*channels, kernel, stride, padding, dilation, groups, bias)
    compare(nn.Conv2d(*args), torch.nn.Conv2d(*args), normal((batch, channels[0], *size)))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["MaxPool2d", "AvgPool2d"]), st.integers(1, 3), st.integers(1, 3) | st.none(), st.booleans())
def test_pooling(name, kernel, stride, padded):
    args = (kernel, stride, kernel // 2 if padded else 0)
    compare(getattr(nn, name)(*args), getattr(torch.nn, name)(*args), normal((2, 3, 7, 6)))


@pytest.mark.parametrize(
    ("name", "args"),
    [("ReLU", ()), ("Tanh", ()), ("Sigmoid", ()), ("Softmax", (1,)), ("LogSoftmax", (-1,)), ("Flatten", ())],
)
def test_layers_without_parameters(name, args):
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    compare(ours, theirs, normal((2, 3, 4)))
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
@pytest.mark.parametrize("shape", [(6, 5), (2, 5, 3)])
def test_losses(name, shape, reduction):
    target = np.random.default_rng(2).integers(0, 5, (shape[0], *shape[2:]))
    ours, theirs = getattr(nn, name)(reduction=reduction), getattr(torch.nn, name)(reduction=reduction)
    x = normal(shape)
    a, b = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    loss, wanted = ours(a, tg.tensor(target)), theirs(b, torch.tensor(target))
    np.testing.assert_allclose(loss.detach().numpy(), wanted.detach().numpy(), **CLOSE)
    loss.sum().backward()
    wanted.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), **CLOSE)


@pytest.mark.parametrize(
    ("name", "args"), [("Linear", (50, 400)), ("Conv2d", (4, 200, 5)), ("Conv2d", (6, 300, (3, 5), 1, 0, 1, 2))]
)
def test_default_initialisation_has_the_same_bounds_and_moments(name, args):
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        drawn, wanted = p.array, q.detach().numpy()
        bound = np.abs(wanted).max()
        assert drawn.dtype == wanted.dtype
        assert np.abs(drawn).max() == pytest.approx(bound, rel=0.03)
        assert drawn.std() == pytest.approx(wanted.std(), rel=0.12)
        assert abs(drawn.mean() - wanted.mean()) < 0.2 * bound


@pytest.mark.parametrize("nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu"])
def test_gains(nonlinearity):
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
        self.fc1 = torch.nn.Linear(256, 120)
        self.fc2 = torch.nn.Linear(120, 84)
        self.fc3 = torch.nn.Linear(84, 10)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
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
