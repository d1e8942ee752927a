"""Programs whose calls run as records of compiled kernels: equal to the function to rounding, and as careful."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.cases import CASES, OpCase
from tests.support.strategies import generators
from tests.test_compile import value_and_gradients, weights_of_results
from tinygrad_cnn import nn
from tinygrad_cnn.nn import functional as F

pytest.importorskip("numba")

from tinygrad_cnn.compiling import form
from tinygrad_cnn.compiling.records import sections
from tinygrad_cnn.compiling.records.block import Arena


@pytest.fixture(autouse=True)
def several_threads() -> Iterator[None]:
    before = tg.get_num_threads()
    tg.set_num_threads(2)
    yield
    tg.set_num_threads(before)


def training_step(model: nn.Module, optimizer: Any, scale: float = 1.0) -> Callable[..., tg.Tensor]:
    def step(inputs: tg.Tensor, targets: tg.Tensor) -> tg.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets) * scale
        loss.backward()
        optimizer.step()
        return loss

    return step


def twins(make: Callable[[], nn.Module], scale: float = 1.0) -> tuple[list[nn.Module], list[Any]]:
    """Return two equal models, and a compiled and a plain training step."""
    models, steps = [], []
    for _ in range(2):
        tg.manual_seed(0)
        models.append(make())
        steps.append(training_step(models[-1], tg.optim.SGD(models[-1].parameters(), lr=0.05), scale))
    return models, [tg.compile(steps[0]), steps[1]]


def close(a: tg.Tensor, b: tg.Tensor) -> bool:
    scale = float(np.abs(b.array).max(initial=1e-3))
    return a.shape == b.shape and np.allclose(a.array, b.array, rtol=0, atol=2e-5 * scale)


def images(rng: np.random.Generator, batch: int, shape: tuple[int, ...]) -> tuple[tg.Tensor, tg.Tensor]:
    numbers = rng.random((batch, *shape), dtype=np.float32)
    numbers[numbers < 0.5] = 0  # so that maxima are tied
    return tg.tensor(numbers), tg.tensor(rng.integers(0, 10, batch))


class SharedLayer(nn.Module):
    """A layer that is used twice, operations that no record exists for, and layers without bias."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.grouped = nn.Conv2d(4, 6, 3, stride=2, groups=2)
        self.first, self.shared, self.last = nn.Linear(54, 12), nn.Linear(12, 12), nn.Linear(12, 10, bias=False)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        x = F.relu(self.convolution(x))
        x = F.max_pool2d(F.relu(self.grouped(x)), 3, 1).flatten(1) if x.shape[2] > 8 else x.flatten(1)
        x = F.relu(self.first(x))
        x = F.relu(self.shared(x)).tanh()
        return self.last(F.relu(self.shared(x)))


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lenet": (tg.models.LeNet, (1, 28, 28)),
    "shared layer": (SharedLayer, (2, 12, 12)),
    "dilated": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, (2, 3), padding=(2, 1), dilation=(1, 2)), nn.ReLU(), nn.MaxPool2d(2, 3),
            nn.Conv2d(3, 5, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(20, 10),
        ),
        (1, 12, 14),
    ),
    "mlp": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(300, 33), nn.ReLU(), nn.Linear(33, 10)),
        (1, 15, 20),
    ),
}  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2, 7, 33, 80])
@pytest.mark.parametrize("model", MODELS)
def test_training_is_equal_to_rounding(model: str, batch: int) -> None:
    make, shape = MODELS[model]
    models, steps = twins(make, 0.5 if batch == 7 else 1.0)
    rng = np.random.default_rng(batch)
    for _ in range(4):
        given = images(rng, batch, shape)
        losses = [step(*given).detach() for step in steps]
        assert close(*losses)
        for (name, p), q in zip(models[0].named_parameters(), models[1].parameters(), strict=True):
            assert close(p.grad, q.grad), name
            assert close(p, q), name
            assert p.grad.array.flags.c_contiguous
    assert "run as records" in steps[0].explain()


@pytest.mark.parametrize("batch", [1, 33, 80])
@pytest.mark.parametrize("name", MODELS)
def test_results_are_differentiated_with_records(name: str, batch: int) -> None:
    make, shape = MODELS[name]
    tg.manual_seed(0)
    model = make()
    compiled = tg.compile(model)
    rng = np.random.default_rng(batch)
    for _ in range(4):
        inputs, targets = images(rng, batch, shape)
        found = []
        for function in (compiled, model):
            outputs = function(inputs)
            gradients = tg.autograd.grad(F.cross_entropy(outputs, targets), list(model.parameters()))
            found.append([outputs.detach(), *gradients])
        assert all(map(close, *found))
        with tg.no_grad():
            for parameter, gradient in zip(model.parameters(), found[0][1:], strict=True):
                parameter.sub_(0.05 * gradient)
    if name != "shared layer":
        assert "calls of the backward pass run as records" in compiled.explain(), compiled.explain()


def test_results_keep_what_their_derivatives_read() -> None:
    model = tg.models.LeNet()
    compiled = tg.compile(model)
    rng = np.random.default_rng(0)
    batches = [images(rng, 40, (1, 28, 28)) for _ in range(4)]
    for _ in range(3):
        losses = [F.cross_entropy(compiled(x), y) for x, y in batches]
        found = [tg.autograd.grad(loss, list(model.parameters())) for loss in losses]
    wanted = [tg.autograd.grad(F.cross_entropy(model(x), y), list(model.parameters())) for x, y in batches]
    assert all(close(a, b) for pair in zip(found, wanted, strict=True) for a, b in zip(*pair, strict=True))


@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("of", ["optimizer", "model"])
def test_zero_grad_between_the_passes_divides_no_section(of: str, set_to_none: bool) -> None:
    models, steps = [], []
    for _ in range(2):
        tg.manual_seed(0)
        models.append(tg.models.LeNet())
        optimizer = tg.optim.SGD(models[-1].parameters(), lr=0.05)

        def step(x: tg.Tensor, y: tg.Tensor, model: Any = models[-1], optimizer: Any = optimizer) -> tg.Tensor:
            loss = F.cross_entropy(model(x), y)
            (optimizer if of == "optimizer" else model).zero_grad(set_to_none)
            loss.backward()
            optimizer.step()
            return loss

        steps.append(step)
    compiled = tg.compile(steps[0])
    rng = np.random.default_rng(0)
    for _ in range(5):
        given = images(rng, 16, (1, 28, 28))
        assert close(compiled(*given).detach(), steps[1](*given).detach())
        assert all(close(p.grad, q.grad) for p, q in zip(*(m.parameters() for m in models), strict=True))
    (entry,) = compiled.programs.values()
    assert [call.kind for call in entry.program._fast.calls].count("records") == (1 if set_to_none else 2)


LOWERED = {"conv2d", "cross_entropy", "linear", "max_pool2d", "relu", "reshape"}


@pytest.mark.parametrize("case", [case for case in CASES if case.name in LOWERED], ids=lambda c: c.name)
@settings(max_examples=25)
@given(data=st.data())
def test_every_case_is_equal_to_rounding(case: OpCase, data: st.DataObject) -> None:
    sample, rng = data.draw(case.samples), data.draw(generators())
    weights, arguments = weights_of_results(case, sample, rng, np.float32), sample.arguments
    plain = case.function
    function = value_and_gradients(lambda *values, **options: plain(*values, **options), weights)
    operation = tg.compile(lambda *values, **options: plain(*values, **options))
    differentiated = value_and_gradients(operation, weights)
    inputs = [tg.tensor(a, dtype=np.float32, requires_grad=True) for a in sample.inputs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(form, "COMPILED_FROM", 0)
        patch.setattr(sections, "_pays", lambda section: True)
        wanted = function(*inputs, **arguments)
        compiled = tg.compile(function)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*runs as it is")
            for run in (*[compiled] * 4, *[differentiated] * 4):
                for got, value in zip(run(*inputs, **arguments), wanted, strict=True):
                    assert (got is None and value is None) or close(got, value)


def test_the_cases_of_lowered_operations_exist() -> None:
    assert {case.name for case in CASES} >= LOWERED


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_bits_depend_on_the_number_of_threads_alone(threads: int) -> None:
    tg.set_num_threads(threads)
    seen = []
    for _ in range(3):
        models, (step, _) = twins(tg.models.LeNet)
        rng = np.random.default_rng(0)
        for _ in range(4):
            step(*images(rng, 70, (1, 28, 28)))
        seen.append(b"".join(p.array.tobytes() for p in models[0].parameters()))
    assert len(set(seen)) == 1


def test_the_number_of_threads_may_change() -> None:
    steps = twins(tg.models.LeNet)[1]
    rng = np.random.default_rng(0)
    for threads in (2, 2, 2, 1, 3, 2):
        tg.set_num_threads(threads)
        losses = [step(*given).detach() for given in [images(rng, 40, (1, 28, 28))] for step in steps]
        assert close(*losses)


def test_gradients_and_losses_that_are_kept_stay_what_they_were() -> None:
    models, (step, _) = twins(tg.models.LeNet)
    rng = np.random.default_rng(0)
    kept: list[tuple[Any, bytes]] = []
    for i in range(6):
        loss = step(*images(rng, 16, (1, 28, 28)))
        gradients = [p.grad for p in models[0].parameters()]
        for tensor in (loss, *(gradients if i % 2 else gradients[:3])):
            view = tensor.array.reshape(-1)[:1]
            kept.append((view, view.tobytes()))
            del tensor
        del gradients
    assert all(view.tobytes() == before for view, before in kept)


def test_gradients_accumulate_without_zero_grad() -> None:
    results = []
    for compiled in (True, False):
        tg.manual_seed(0)
        model = tg.models.LeNet()

        def backward(x: tg.Tensor, y: tg.Tensor, model: nn.Module = model) -> tg.Tensor:
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        function = tg.compile(backward) if compiled else backward
        rng = np.random.default_rng(0)
        for _ in range(5):
            function(*images(rng, 16, (1, 28, 28)))
        results.append([p.grad for p in model.parameters()])
    assert all(close(a, b) for a, b in zip(*results, strict=True))


def test_several_threads_may_call_one_program() -> None:
    model = tg.models.LeNet()

    def infer(x: tg.Tensor) -> tg.Tensor:
        with tg.no_grad():
            return model(x)

    compiled = tg.compile(infer)
    rng = np.random.default_rng(0)
    batches = [images(rng, 20, (1, 28, 28))[0] for _ in range(4)]
    for _ in range(3):
        compiled(batches[0])
    assert "run as records" in compiled.explain()
    wanted = [compiled(x).array.copy() for x in batches]
    failed: list[int] = []

    def work(i: int) -> None:
        failed.extend(i for _ in range(30) if not np.array_equal(compiled(batches[i]).array, wanted[i]))

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failed
    assert close(tg.tensor(wanted[1]), infer(batches[1]))


def test_inputs_in_any_layout_and_nan_give_the_same() -> None:
    models, steps = twins(tg.models.LeNet)
    rng = np.random.default_rng(0)
    for i in range(6):
        x, y = images(rng, 8, (1, 28, 28))
        if i == 3:
            x = tg.tensor(np.asfortranarray(x.array))
        elif i == 4:
            x = tg.tensor(x.array.transpose(0, 1, 3, 2))
        elif i == 5:
            numbers = x.array.copy()
            numbers[0, 0, 5, 5] = np.nan
            x = tg.tensor(numbers)
        with np.errstate(invalid="ignore"):
            a, b = (step(x, y).array for step in steps)
        assert np.allclose(a, b, equal_nan=True)
    for p, q in zip(*(model.parameters() for model in models), strict=True):
        assert np.array_equal(np.isnan(p.array), np.isnan(q.array))


def test_a_reshaped_result_shares_memory_as_in_the_function() -> None:
    layer, head = nn.Conv2d(1, 4, 3), nn.Linear(4 * 36, 10)

    def infer(x: tg.Tensor) -> tuple[tg.Tensor, ...]:
        with tg.no_grad():
            images = F.relu(layer(x))
            rows = images.flatten(1)
            return images, rows, F.relu(head(F.relu(head(rows).relu())[:, :0].sum() + rows))

    compiled = tg.compile(infer)
    x = tg.rand(5, 1, 8, 8)
    for _ in range(4):
        result, wanted = compiled(x), infer(x)
        assert np.shares_memory(result[0].array, result[1].array) == np.shares_memory(
            wanted[0].array, wanted[1].array
        )
        assert all(map(close, result, wanted))


def test_other_kernels_that_are_chosen_are_used() -> None:
    model = tg.models.LeNet()

    def infer(x: tg.Tensor) -> tg.Tensor:
        with tg.no_grad():
            return model(x)

    compiled, x = tg.compile(infer), images(np.random.default_rng(0), 16, (1, 28, 28))[0]
    for _ in range(3):
        assert close(compiled(x), infer(x))
    with tg.use_kernels("numpy"):
        assert np.array_equal(compiled(x).array, infer(x).array)
    with tg.use_kernels("reference"):
        assert np.array_equal(compiled(x).array, infer(x).array)


def test_records_that_differ_are_named_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    original = sections.LOWERINGS["derivative", "relu.input"]

    def swapped(section: Any, call: Any) -> bool:
        return bool(original(section, call._replace(inputs=(call.inputs[1], call.inputs[1]))))

    monkeypatch.setitem(sections.LOWERINGS, ("derivative", "relu.input"), swapped)
    steps = twins(tg.models.LeNet)[1]
    rng = np.random.default_rng(0)

    def both() -> None:
        given = images(rng, 16, (1, 28, 28))
        assert close(*(step(*given).detach() for step in steps))

    both()
    with pytest.warns(UserWarning, match="compiled records of .* differ from the operation"):
        both()
    both()
    assert "records" not in steps[0].explain()


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=40))
def test_memory_that_is_in_use_is_not_handed_out(steps: list[tuple[bool, int]]) -> None:
    arena, used = Arena(), []
    for takes, size in steps:
        if takes or not used:
            begin = arena.take(size)
            assert begin + size <= arena.size
            assert all(begin + size <= b or e <= begin for b, e in used)
            used.append((begin, begin + size))
        else:
            begin, end = used.pop(size % len(used))
            arena.give(begin, end - begin)
    for begin, end in used:
        arena.give(begin, end - begin)
    if arena.size:
        assert arena.take(arena.size) == 0
