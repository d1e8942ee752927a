"""Looking inside: what is watched is told truly, and looking changes nothing."""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tests.cases import CASES
from tinygrad_cnn import nn
from tinygrad_cnn.inspection.explain import Explanation
from tinygrad_cnn.inspection.graph import BOX, HIGH, ROW, layout
from tinygrad_cnn.inspection.rules import rules
from tinygrad_cnn.inspection.steps import AGREES
from tinygrad_cnn.models import LeNet
from tinygrad_cnn.tape.hooks import GradientHooks
from tinygrad_cnn.tape.record import Operation, operation, watching
from tinygrad_cnn.tape.watch import Call, line_of, record_lines, watch

# --- watching ---


def test_what_is_called_is_seen_once_by_everybody_who_watches_and_by_nobody_afterwards() -> None:
    x = tg.ones(2, requires_grad=True)
    inner: list[str] = []
    outer: list[str] = []
    with watch(lambda call: outer.append(call.operation.name)):
        with watch(lambda call: inner.append(call.operation.name)):
            F.binary_cross_entropy(tg.sigmoid(x), tg.ones(2), reduction="none")  # its forward calls operations
        (x * 2).sum()
    x.exp()
    assert inner == ["sigmoid", "binary_cross_entropy"]
    assert outer == [*inner, "mul", "sum"]
    assert not watching


def test_other_threads_and_blocks_that_failed_are_not_watched() -> None:
    seen: list[Call] = []
    other = threading.Thread(target=lambda: tg.ones(2) * 2)

    def fail() -> None:
        with watch(seen.append):
            other.start()
            other.join()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    tg.ones(2) * 2
    assert seen == []


def test_a_recorded_operation_knows_the_line_that_called_it() -> None:
    x = tg.ones(2, requires_grad=True)
    with record_lines():
        y = x * 2
        z = F.gelu(y)
    lines = {line_of(node).number for node in (y.grad_fn, z.grad_fn)}
    here = test_a_recorded_operation_knows_the_line_that_called_it.__code__.co_firstlineno
    assert lines == {here + 3, here + 4}
    assert line_of(y.grad_fn).file == __file__
    assert line_of((x * 2).grad_fn) is None


class Twice(tg.autograd.Function):
    """A function of a user's own."""

    @staticmethod
    def forward(ctx: object, x: tg.Tensor) -> tg.Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: object, grad: tg.Tensor) -> tg.Tensor:
        return grad * 2


def test_a_function_of_ones_own_is_a_step_with_a_line() -> None:
    x = tg.ones(2, requires_grad=True)
    found = tg.explain(lambda: Twice.apply(x).sum(), check=True)
    assert [step.operation for step in found.steps] == ["sum", "Twice"]
    assert [Path(step.line.file).name for step in found.steps] == [Path(__file__).name] * 2
    (arrow,) = found.steps[1].arrows
    assert (arrow.rule, arrow.verdict, arrow.norm) == ("backward", "", pytest.approx(8**0.5))


# --- profile ---


@given(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(0, 1), st.booleans())
def test_the_operations_of_convolutions_are_those_of_a_loop(
    groups: int, channels: int, kernel: int, stride: int, padding: int, bias: bool
) -> None:
    x = tg.ones(2, groups, 6, 5, requires_grad=True)
    layer = nn.Conv2d(groups, channels * groups, kernel, stride, padding, groups=groups, bias=bias)
    rows, columns = (range(-padding, n + padding - kernel + 1, stride) for n in (6, 5))
    products = 2 * channels * groups * len(rows) * len(columns) * kernel * kernel
    outputs = 2 * channels * groups * len(rows) * len(columns)
    with tg.profile() as p:
        layer(x).sum().backward()
    cost = p.costs["conv2d"]
    assert cost.forward.flops == 2 * products + bias * outputs
    assert cost.backward.flops == 2 * 2 * products + bias * outputs  # as many for each of the two factors
    assert (cost.forward.calls, cost.backward.calls) == (1, 2 + bias)
    assert set(p.costs) == {"conv2d", "sum"}  # what derivatives are made of is part of them


@given(st.lists(st.integers(1, 4), min_size=4, max_size=4))
def test_the_operations_of_matrix_products(sizes: list[int]) -> None:
    b, n, k, m = sizes
    with tg.profile() as p:
        tg.ones(b, n, k) @ tg.ones(k, m)
        F.linear(tg.ones(b, n, k), tg.ones(m, k), tg.ones(m))
        F.relu(tg.ones(b, n))
        F.conv_transpose2d(tg.ones(b, n, 3, 3), tg.ones(n, k, 2, 2))
        tg.ones(b, n).reshape(-1)
    counted = {name: cost.forward.flops for name, cost in p.costs.items()}
    product = 2 * b * n * k * m
    assert counted == {
        "matmul": product,
        "linear": product + b * n * m,
        "relu": b * n,
        "conv2d_input": 2 * b * n * 9 * k * 4,
        "reshape": 0,
    }


def test_a_profile_adds_up_and_ends_with_its_block() -> None:
    model, x = LeNet(), tg.ones(2, 1, 28, 28)
    with tg.profile() as p:
        loss = model(x).sum()
    loss.backward()
    assert not any(cost.backward.calls for cost in p.costs.values())
    assert 0 < p.total.seconds <= p.seconds
    assert p.total.forward.calls == sum(cost.forward.calls for cost in p.costs.values())
    assert (p.costs["conv2d"].forward.calls, p.costs["linear"].forward.calls) == (2, 3)
    _, head, _, *rows = str(p).splitlines()
    assert head.split()[:3] == ["operation", "calls", "forward"]
    assert {row.split()[0] for row in rows[:-3]} == set(p.costs)


# --- explain ---


def same_as_backward(explanation: Explanation, loss: tg.Tensor) -> bool:
    """Whether the gradients have the norms of those that backward makes."""
    norms: dict[int, float] = {}
    for node in loss.grad_fn.ancestors():
        node.hooks = GradientHooks()
        node.hooks.after.append(lambda g, node=node: norms.update({node.sequence: float(np.linalg.norm(g.array))}))
    loss.backward()
    newest_first = [norms[sequence] for sequence in sorted(norms, reverse=True)]
    return [step.norm for step in explanation.steps] == pytest.approx(newest_first)


def test_lenet_step_by_step() -> None:
    tg.manual_seed(0)
    model, x = LeNet(), tg.rand(2, 1, 28, 28)

    def loss() -> tg.Tensor:
        return F.cross_entropy(model(x), tg.tensor([1, 2]))

    found = tg.explain(loss, model, check=True)
    layers = [step for step in found.steps if any(isinstance(arrow.to, str) for arrow in step.arrows)]
    assert [step.operation for step in layers] == ["linear"] * 3 + ["conv2d"] * 2
    leaves = [arrow.to for step in found.steps for arrow in step.arrows if isinstance(arrow.to, str)]
    assert sorted(leaves) == sorted(name for name, _ in model.named_parameters())
    assert all(p.grad is None for p in model.parameters())
    last = layers[0]
    arrow = last.arrows[0]
    assert (arrow.to, arrow.shape, arrow.memory) == (last.number + 1, (2, 84), 2 * 84 * 4)
    assert arrow.rule == rules(Operation.registry["linear"])["input"]
    assert {Path(step.line.file).name for step in found.steps} == {"lenet.py", Path(__file__).name}
    assert all(arrow.deviation <= AGREES for step in found.steps for arrow in step.arrows)
    kept = [step.kept for step in (last, found.steps[last.number])]
    assert kept == [2 * 84 * 4, 0]  # relu's result is kept once, for the two that read it; weights are there anyway
    assert same_as_backward(found, loss())
    assert f"{sum(len(step.arrows) for step in found.steps)} derivatives checked, 0 wrong" in found.title


def test_a_loss_that_is_there_already_is_as_it_was() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    middle = x * x
    middle.retain_grad()
    loss = middle.sum()
    before = loss.grad_fn.edges
    found = tg.explain(loss)
    assert loss.grad_fn.edges is before
    assert middle._grad is None
    assert [step.line for step in found.steps] == [None, None]
    loss.backward()
    assert (x.grad.tolist(), middle.grad.tolist()) == ([2.0, 4.0], [1.0, 1.0])


@operation(input=lambda g, input: g * (3 * input))
def wrong_square(input: np.ndarray) -> np.ndarray:
    return np.square(input)


Operation.registry.pop("wrong_square")  # no case is to be asked of it


def test_a_wrong_derivative_is_found() -> None:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    found = tg.explain(lambda: wrong_square(x.exp()).sum(), check=True)
    marks = {step.operation: [arrow.verdict.split()[0] for arrow in step.arrows] for step in found.steps}
    assert marks == {"sum": ["ok"], "wrong_square": ["WRONG"], "exp": ["ok"]}
    assert "1 wrong" in found.title
    assert "wrong" in found.svg()
    assert found.steps[1].arrows[0].rule == "g * (3 * input)"


SMOOTH = [c for c in CASES if c.differentiable and c.name in "add mul div exp log tanh relu matmul conv2d".split()]


@pytest.mark.parametrize("case", SMOOTH, ids=repr)
@given(data=st.data())
def test_right_derivatives_pass(case: object, data: st.DataObject) -> None:
    sample = data.draw(case.samples)
    inputs = [tg.tensor(a, requires_grad=True) for a in sample.inputs]
    found = tg.explain(lambda: case.function(*inputs, **sample.arguments).sum(), check=True)
    assert [arrow.verdict for step in found.steps for arrow in step.arrows if arrow.deviation > AGREES] == []


def test_what_explain_refuses() -> None:
    x = tg.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="explain: wanted a loss of one element, got shape \\(2,\\)"):
        tg.explain(x * 2)
    with pytest.raises(ValueError, match="give a function that computes the loss"):
        tg.explain((x * 2).sum(), check=True)
    with pytest.raises(RuntimeError, match="explain: the output does not require a gradient"):
        tg.explain(tg.ones(2).sum())
    with pytest.raises(ValueError, match=r"save: wanted a name ending in \.svg, \.html, \.txt"):
        tg.explain(x.sum()).save("loss.png")


# --- the picture ---


@st.composite
def graphs(draw: st.DrawFn) -> tg.Tensor:
    """Losses whose graphs branch and meet in any way."""
    tensors = [tg.ones(2, requires_grad=True)]
    for _ in range(draw(st.integers(1, 12))):
        a, b = draw(st.sampled_from(tensors)), draw(st.sampled_from(tensors))
        tensors.append(a * b if draw(st.booleans()) else a.sin())
    return tensors[-1].sum()


@given(graphs())
def test_boxes_do_not_overlap_and_gradients_flow_down(loss: tg.Tensor) -> None:
    found = tg.explain(loss)
    layers, edges = layout(found.steps)
    assert sorted(slot.step.number for layer in layers for slot in layer if slot.step) == [
        step.number for step in found.steps
    ]
    assert all(j == i + 1 for (_, i), (_, j) in edges)
    assert all(len({slot.column for slot in layer}) == len(layer) for layer in layers)
    picture = ET.fromstring(found.svg())
    _, _, width, height = map(float, picture.get("viewBox").split())
    boxes = [
        [float(box.get(key)) for key in ("x", "y", "width", "height")]
        for box in picture.iter("{http://www.w3.org/2000/svg}rect")
        if box.get("class") in ("op", "leaf")
    ]
    assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in boxes)
    assert HIGH < ROW
    for i, (x, y, w, h) in enumerate(boxes):
        assert all(u >= x + w or x >= u + p or v >= y + h or y >= v + q for u, v, p, q in boxes[:i])
    assert min(w for _, _, w, _ in boxes) <= BOX


class Hostile(nn.Module):
    """A parameter with a name that no page may run."""

    def __init__(self) -> None:
        super().__init__()
        self.register_parameter("<script>", nn.Parameter([1.0]))


def test_the_files_hold_what_they_should(tmp_path: Path) -> None:
    model = Hostile()
    (parameter,) = model.parameters()
    found = tg.explain(lambda: (parameter * 2).sum(), model)
    for name in ("loss.svg", "loss.html", "loss.txt"):
        found.save(tmp_path / name)
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "g * other" in text
        assert ("<script>" in text) == name.endswith("txt")
    assert "http" not in found.html().replace("http-equiv", "").replace('xmlns="http://www.w3.org/2000/svg"', "")
