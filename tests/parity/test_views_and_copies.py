"""Where PyTorch gives a view, a copy or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_cnn as tg

torch = pytest.importorskip("torch")

VIEWS = """
torch.ones(2, 3).t().view(-1)
torch.ones(2, 3).t().view(3, 2)
torch.ones(4, 6)[:, ::2].view(12)
torch.ones(4, 6)[1:, 1:4].view(9)
torch.ones(4, 6)[:, ::2].view(4, 3, 1)
torch.ones(2, 3).expand(4, 2, 3).view(8, 3)
torch.ones(1, 3).expand(4, 3).view(2, 2, 3)
torch.nn.Conv2d(1, 2, 3)(torch.ones(4, 1, 8, 8)).view(4, -1)
torch.nn.Linear(3, 2)(torch.ones(4, 3)).view(-1)
torch.nn.MaxPool2d(2)(torch.nn.Conv2d(1, 2, 3)(torch.ones(4, 1, 8, 8)))[:2].view(2, -1)
torch.ones(2, 0).t().view(0, 5)
torch.ones(2, 3).t().contiguous().view(-1)
torch.ones(3, 2).t().view_as(torch.ones(6))
torch.ones(2, 3).view(size=(3, 2))
torch.ones(2, 3, requires_grad=True).t().view(6)
torch.ones(2, 3, 4).permute(0, 2, 1).view(2, 12)
torch.ones(2, 3, 4).permute(1, 0, 2).view(3, 2, 2, 2)
""".strip().splitlines()


@pytest.mark.parametrize("code", VIEWS)
def test_view_refuses_where_pytorch_does(code: str) -> None:
    shapes: list[Any] = []
    for package in (tg, torch):
        try:
            shapes.append(tuple(eval(code, {"torch": package}).shape))
        except RuntimeError as error:
            shapes.append("use reshape" if "reshape(" in str(error) else "another error")
    assert shapes[0] == shapes[1]


IDLE = """
m.chain_matmul(x[0])
m.linalg.matrix_power(x[..., :3], 1)
m.linalg.multi_dot([x[0], m.eye(4)])
m.einsum("ijk->ijk", x)
m.einsum("ijk->ij", x[:, :, :1])
m.flip(x, ())
m.rot90(x, 4)
m.roll(x, 0)
m.tile(x, ())
m.repeat_interleave(x, 1)
m.diff(x, n=0)
m.cat([x])
m.hstack([x])
m.atleast_3d(x)
m.sum(x, ())
m.triu(x, -9)
m.ravel(x.mT[:, :1])
m.squeeze(x[:1])
m.movedim(x, 0, 0)
m.as_tensor(x)
m.tensor_split(x, 1)
m.utils.data.default_collate([x])
m.nn.utils.parameters_to_vector([x[0, 0]])
m.nn.utils.rnn.pad_sequence([x[0]])
x.repeat(1, 1, 1)
x.to(m.float32)
x.to(m.float32, copy=True)
x.clamp(min=-99)
x.round()
x.positive()
x.expand(-1, -1, -1)
x.reshape(2, 3, 4)
x[0, 0].flatten()
x[0, 0, 0].flatten()
F.adaptive_avg_pool1d(x, 4)
F.avg_pool1d(x, 1)
F.channel_shuffle(x, 1)
F.channel_shuffle(x, 3)
F.dropout(x, 0.0)
F.dropout(x, 0.5, training=False)
F.interpolate(x, scale_factor=1)
F.max_pool1d(x, 1)
F.pad(x, (0, 0))
F.pixel_shuffle(x, 1)
F.pixel_unshuffle(x, 1)
F.unfold(x[None], 1)
F.hardtanh(x, -99.0, 99.0)
m.nn.Flatten(2, 2)(x)
m.nn.Identity()(x)
m.nn.Sequential()(x)
m.nn.ReflectionPad1d(0)(x)
""".strip().splitlines()


@pytest.mark.filterwarnings("ignore:torch.chain_matmul is deprecated")
@pytest.mark.parametrize("code", IDLE)
def test_where_nothing_is_to_be_done_a_view_or_a_copy_is_returned_as_in_pytorch(code: str) -> None:
    written = []
    for package in (tg, torch):
        x = package.arange(24.0).reshape(2, 3, 4)
        out = eval(code, {"m": package, "F": package.nn.functional, "x": x})
        (out[0] if isinstance(out, (list, tuple)) else out).fill_(-1.0)
        written.append(x.tolist())
    assert written[0] == written[1]


def test_contiguous_lies_row_by_row() -> None:
    """A strided tensor that can be flattened without a copy is copied all the same."""
    x = tg.arange(24).reshape(2, 3, 4)[:, :, ::2]
    y = x.contiguous()
    assert y.is_contiguous()
    assert not np.shares_memory(x.array, y.array)
    assert y.tolist() == x.tolist()
    assert y.contiguous() is y


def test_backward_hooks_do_not_run_again_in_the_double_backward() -> None:
    for package in (torch, tg):
        calls = []

        class Cube(package.nn.Module):
            def forward(self, x: Any) -> Any:
                return x**3

        cube, x = Cube(), package.tensor([2.0, 3.0], requires_grad=True)
        cube.register_full_backward_hook(lambda module, grads, out: calls.append(grads[0].tolist()))  # noqa: B023
        (first,) = package.autograd.grad(cube(x).sum(), x, create_graph=True)
        (second,) = package.autograd.grad(first.sum(), x)
        assert (calls, second.tolist()) == ([[12, 27]], [12, 18])
        out = cube(x).sum()
        out.backward(retain_graph=True)
        out.backward()
        assert len(calls) == 3


@pytest.mark.parametrize("call", ["p.autograd.grad(y, [])", "y.backward(inputs=[])"])
def test_no_inputs_are_refused(call: str) -> None:
    for package in (torch, tg):
        with pytest.raises(RuntimeError, match="empty"):
            eval(call, {"p": package, "y": package.ones(2, requires_grad=True).sum()})


@pytest.mark.parametrize("p", [-np.inf, -1.0, 0.5, 1.0, 3.0, np.inf])
def test_normalize_takes_every_norm(p: float) -> None:
    values = np.array([[3.0, -4.0, 1.0], [0.5, 2.0, -8.0], [0.0, 1.0, 2.0]])
    ours = tg.nn.functional.normalize(tg.tensor(values), p=p)
    theirs = torch.nn.functional.normalize(torch.tensor(values), p=p)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)


def test_pad_takes_negative_widths_as_pytorch_does() -> None:
    """Reflections and repetitions are made before entries are removed, continuations after."""
    x = np.arange(1.0, 6.0)[None]
    for mode in ("reflect", "replicate", "circular", "constant"):
        for widths in [(-2, 2), (2, -2), (-1, 3), (-3, 4), (3, -1), (-1, -1), (0, -2), (1, 1)]:
            try:
                expected = torch.nn.functional.pad(torch.tensor(x), widths, mode).numpy()
            except RuntimeError:
                continue
            np.testing.assert_array_equal(tg.nn.functional.pad(tg.tensor(x), widths, mode).numpy(), expected)


def test_half_precision_error_functions_are_finite() -> None:
    x = tg.linspace(-6, 6, 101).half()
    for name in ("erf", "erfc"):
        ours = getattr(tg, name)(x).numpy()
        theirs = getattr(torch, name)(torch.tensor(x.numpy())).numpy()
        np.testing.assert_allclose(ours, theirs, atol=2e-3)
