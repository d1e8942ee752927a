"""`tg.compile`: what runs as a program gives what it gives without one, bit for bit, and the rest runs as it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.cases import CASES, OpCase, Sample
from tests.support.strategies import generators
from tinygrad_cnn import nn, optim
from tinygrad_cnn.nn import functional as F


def same_bits(a: Any, b: Any) -> bool:
    return (
        a.dtype == b.dtype
        and a.shape == b.shape
        and np.array_equal(a.array, b.array, equal_nan=a.dtype.kind == "f")
    )


NO_PROGRAMS: set[str] = set()
"""Cases that run as they are: what they compute outside of operations, a program would not repeat."""


@pytest.mark.parametrize("case", [case for case in CASES if case.differentiable], ids=lambda c: c.name)
@settings(max_examples=5)
@given(data=st.data())
def test_every_operation_gives_the_same_as_a_program(case: OpCase, data: st.DataObject) -> None:
    sample, rng = data.draw(case.samples), data.draw(generators())
    function = value_and_gradients(case, sample, rng)
    inputs = [tg.tensor(a, dtype=np.float64, requires_grad=True) for a in sample.inputs]
    wanted = function(*inputs)
    compiled = tg.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what runs as it is
        for _ in range(4):
            for got, value in zip(compiled(*inputs), wanted, strict=True):
                assert (got is None and value is None) or same_bits(got, value)
    if case.name not in NO_PROGRAMS:
        assert compiled.explain().startswith("v"), compiled.explain()


def value_and_gradients(
    case: OpCase, sample: Sample, rng: np.random.Generator, dtype: Any = np.float64
) -> Callable[..., list[Any]]:
    """Return a function of an operation's inputs: its results, and the gradients of their weighted sum."""
    operation, arguments = case.function, sample.arguments
    weights: list[tg.Tensor] = []

    def function(*inputs: tg.Tensor) -> list[Any]:
        out = operation(*inputs, **arguments)
        outs = [o for o in (out if isinstance(out, tuple) else (out,)) if o.requires_grad]
        total = sum((o * w).sum() for o, w in zip(outs, weights, strict=True))
        return [o.detach() for o in outs] + list(tg.autograd.grad(total, inputs, allow_unused=True))

    inputs = [tg.tensor(a, dtype=dtype, requires_grad=True) for a in sample.inputs]
    out = operation(*inputs, **arguments)
    outs = [o for o in (out if isinstance(out, tuple) else (out,)) if o.requires_grad]
    weights.extend(tg.tensor(rng.standard_normal(o.shape), dtype=dtype) for o in outs)
    return function


class Twins:
    """Two equal models with an optimizer each: one trains with a compiled step, the other without."""

    def __init__(self, make: Callable[[], nn.Module], optimizer: Callable[..., optim.Optimizer]) -> None:
        self.steps, self.models, self.optimizers = [], [], []
        for compiled in (True, False):
            tg.manual_seed(0)
            model = make()
            made = optimizer(model.parameters())
            step = self.step_of(model, made)
            self.models.append(model)
            self.optimizers.append(made)
            self.steps.append(tg.compile(step) if compiled else step)

    def step_of(self, model: nn.Module, optimizer: optim.Optimizer) -> Callable[..., tg.Tensor]:
        def step(inputs: tg.Tensor, targets: tg.Tensor) -> tg.Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
            return loss

        return step

    def step(self, inputs: tg.Tensor, targets: tg.Tensor) -> None:
        """Take a step with each, with the same random numbers, and compare everything."""
        results = []
        state = tg.random.default_generator().get_state()
        for step in self.steps:
            tg.random.default_generator().set_state(state)
            results.append(step(inputs, targets))
        assert same_bits(*(r.detach() for r in results))
        self.compare()

    def compare(self) -> None:
        for (name, a), b in zip(
            self.models[0].state_dict().items(), self.models[1].state_dict().values(), strict=True
        ):
            assert same_bits(a, b), name
        for a, b in zip(*(model.parameters() for model in self.models), strict=True):
            assert (a.grad is None) == (b.grad is None)
            assert a.grad is None or same_bits(a.grad, b.grad)

    @property
    def is_compiled(self) -> bool:
        return self.steps[0].explain().startswith("v")


def batch(rng: np.random.Generator, *shape: int, classes: int = 3) -> tuple[tg.Tensor, tg.Tensor]:
    images = tg.tensor(rng.standard_normal(shape).astype(np.float32))
    return images, tg.tensor(rng.integers(0, classes, shape[0]))


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)), (6, 4)),
    "convolutions": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)),
        (4, 1, 6, 6),
    ),
    "dropout": (lambda: nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3)), (6, 4)),
    "batch norm": (lambda: nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Linear(8, 3)), (6, 4)),
    "layer norm": (lambda: nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.SiLU(), nn.Linear(8, 3)), (6, 4)),
}
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_training_gives_the_same_bits(model: str, optimizer: str) -> None:
    make, shape = MODELS[model]
    twins = Twins(make, OPTIMIZERS[optimizer])
    rng = np.random.default_rng(0)
    for _ in range(6):
        twins.step(*batch(rng, *shape))
    assert twins.is_compiled, twins.steps[0].explain()


def test_options_state_and_modes_are_those_of_the_call() -> None:
    twins = Twins(*MODELS["batch norm"][:1], OPTIMIZERS["momentum"])
    rng = np.random.default_rng(0)
    changes: list[Callable[[nn.Module, optim.Optimizer], Any]] = [
        lambda m, o: o.param_groups[0].update(lr=0.02),
        lambda m, o: m.eval(),
        lambda m, o: m.train(),
        lambda m, o: m.load_state_dict({k: v * 0.5 for k, v in m.state_dict().items() if k[-8:] != "_tracked"}),
        lambda m, o: m[0].weight.requires_grad_(False),
        lambda m, o: m[0].weight.requires_grad_(True),
        lambda m, o: setattr(m[1], "momentum", 0.5),
        lambda m, o: m.double().float(),
        lambda m, o: setattr(m, "2", nn.ReLU()),
    ]
    for change in changes:
        for _ in range(4):
            twins.step(*batch(rng, 6, 4))
        for model, optimizer in zip(twins.models, twins.optimizers, strict=True):
            change(model, optimizer)
    for size in (1, 2, 3):
        for _ in range(4):
            twins.step(*batch(rng, 6 * size, 4))
    assert twins.is_compiled, twins.steps[0].explain()


def test_targets_that_are_ignored_or_wrong_are_those_of_the_function() -> None:
    twins = Twins(*MODELS["mlp"][:1], OPTIMIZERS["sgd"])
    rng = np.random.default_rng(0)
    for _ in range(4):
        twins.step(*batch(rng, 6, 4))
    inputs, targets = batch(rng, 6, 4)
    targets[2] = -100
    twins.step(inputs, targets)
    targets[2] = 3
    messages = []
    for step in twins.steps:
        with pytest.raises(IndexError, match="class 3") as caught:
            step(inputs, targets)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    twins.compare()


def test_inference_under_no_grad() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.Softmax(1))
    compiled = tg.compile(model)
    rng = np.random.default_rng(0)
    with tg.no_grad():
        for _ in range(5):
            inputs, _ = batch(rng, 6, 4)
            assert same_bits(compiled(inputs), model(inputs))
    assert compiled.explain().startswith("v")


def test_gradients_accumulate_over_calls_and_are_clipped() -> None:
    class Accumulating(Twins):
        def step_of(self, model: nn.Module, optimizer: optim.Optimizer) -> Callable[..., tg.Tensor]:
            def step(inputs: tg.Tensor, targets: tg.Tensor) -> tg.Tensor:
                for half in range(2):
                    loss = F.cross_entropy(model(inputs[3 * half : 3 * half + 3]), targets[3 * half : 3 * half + 3])
                    loss.backward()
                norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
                optimizer.step()
                return norm

            return step

    twins = Accumulating(*MODELS["mlp"][:1], OPTIMIZERS["sgd"])
    rng = np.random.default_rng(0)
    for i in range(6):
        twins.step(*batch(rng, 6, 4))
        if i == 3:
            for optimizer in twins.optimizers:
                optimizer.zero_grad(set_to_none=False)
    assert twins.is_compiled, twins.steps[0].explain()


def test_what_else_a_step_may_do_is_done_each_time() -> None:
    class Scheduled(Twins):
        def step_of(self, model: nn.Module, optimizer: optim.Optimizer) -> Callable[..., tg.Tensor]:
            scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

            def step(inputs: tg.Tensor, targets: tg.Tensor) -> tg.Tensor:
                model.zero_grad()
                loss = F.cross_entropy(model(inputs), targets)
                loss.backward()
                optimizer.step()
                scheduler.step()
                return loss

            return step

    twins = Scheduled(*MODELS["mlp"][:1], OPTIMIZERS["momentum"])
    rng = np.random.default_rng(0)
    for i in range(6):
        twins.step(*batch(rng, 6, 4))
        assert [o.param_groups[0]["lr"] for o in twins.optimizers] == [0.1 * 0.5 ** (i + 1)] * 2
    assert twins.is_compiled, twins.steps[0].explain()


def test_gradients_that_are_dropped_by_hand_are_dropped_each_time() -> None:
    class ByHand(Twins):
        def step_of(self, model: nn.Module, optimizer: optim.Optimizer) -> Callable[..., tg.Tensor]:
            def step(inputs: tg.Tensor, targets: tg.Tensor) -> tg.Tensor:
                for parameter in model.parameters():
                    parameter.grad = None
                loss = F.cross_entropy(model(inputs), targets)
                loss.backward()
                return loss

            return step

    twins = ByHand(*MODELS["mlp"][:1], OPTIMIZERS["sgd"])
    for seed in range(4):
        twins.step(*batch(np.random.default_rng(seed), 6, 4))
    assert twins.is_compiled, twins.steps[0].explain()


MADE: dict[str, Callable[[tg.Tensor], Any]] = {
    "zeros": lambda x: x + tg.zeros(3),
    "ones": lambda x: x + tg.ones((1, 3)),
    "full": lambda x: x + tg.full((3,), 2.0),
    "full of an argument": lambda x: tg.full((2,), x.sum()) * x.sum(),
    "eye": lambda x: tg.eye(3) @ x,
    "arange": lambda x: x * tg.arange(3),
    "linspace": lambda x: x * tg.linspace(0, 1, 3),
    "zeros_like": lambda x: tg.zeros_like(x).add_(x),
    "new_zeros": lambda x: x + x.new_full((3,), 2.0),
    "tensor": lambda x: x * tg.tensor([1.0, 2.0, 3.0]) + tg.as_tensor(2.0),
    "tril_indices": lambda x: x[tg.tril_indices(2, 2)[0]],
    "rand": lambda x: x + tg.rand(3),
    "rand_like": lambda x: x + tg.rand_like(x) * tg.randn_like(x),
    "randint": lambda x: x + tg.randint(5, (3,)),
    "randperm": lambda x: x[tg.randperm(3)],
    "normal": lambda x: tg.normal(x, 1.0) + tg.normal(0.0, 1.0, (3,)),
    "filled at random": lambda x: x + tg.empty(3).normal_() + tg.empty(3).uniform_(),
    "bernoulli": lambda x: tg.bernoulli(x.sigmoid()) * x,
    "multinomial": lambda x: x[tg.multinomial(x.softmax(0), 2)],
    "dropout": lambda x: F.dropout(x, 0.5),
    "alpha_dropout": lambda x: F.alpha_dropout(x, 0.5, True),
    "rrelu": lambda x: F.rrelu(-x, training=True),
    "gumbel_softmax": lambda x: F.gumbel_softmax(x, hard=True),
    "noise of its own generator": lambda x: x * tg.rand(3, generator=own_generator),
}
own_generator = tg.Generator()


@pytest.mark.parametrize("name", MADE)
def test_tensors_are_made_and_drawn_anew_in_each_call(name: str) -> None:
    compiled = tg.compile(MADE[name])
    generators = tg.random.default_generator(), own_generator
    for i in range(5):
        x = tg.tensor([1.0, 2.0, 3.0]) + i
        results = []
        states = [generator.get_state() for generator in generators]
        for function in (compiled, MADE[name]):
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)
            results.append(function(x))
        assert same_bits(*results)
    assert compiled.explain().startswith("v"), compiled.explain()


def test_what_is_made_belongs_to_the_caller() -> None:
    compiled = tg.compile(lambda x: (x + 1, tg.zeros(2), tg.tensor([1.0, 2.0])))
    for _ in range(5):
        _, zeros, constants = compiled(tg.ones(2))
        assert (zeros.tolist(), constants.tolist()) == ([0.0, 0.0], [1.0, 2.0])
        zeros += 1
        constants += 1


def test_the_default_type_is_that_of_each_call() -> None:
    compiled = tg.compile(lambda x: x.sum() + tg.zeros(2))
    for dtype in (tg.float32, tg.float64, tg.float32):
        tg.set_default_dtype(dtype)
        try:
            for _ in range(3):
                assert compiled(tg.ones(2, dtype=tg.float32)).dtype == dtype
        finally:
            tg.set_default_dtype(tg.float32)


calls = 0
factor = 2.0


def counts(x: tg.Tensor) -> tg.Tensor:
    global calls
    calls += 1
    return x * 2


def looks(x: tg.Tensor) -> tg.Tensor:
    return x * 2 if x.sum() > 0 else x * 3


def reads_item(x: tg.Tensor) -> tg.Tensor:
    return x * x.sum().item()


def computes_elsewhere(x: tg.Tensor) -> tg.Tensor:
    return x * np.sin(x.detach().numpy())


def draws(x: tg.Tensor) -> tg.Tensor:
    return x * tg.from_numpy(np.random.default_rng().random(3).astype(np.float32))


def prints(x: tg.Tensor) -> tg.Tensor:
    print("here")
    return x * 2


def selects(x: tg.Tensor) -> tg.Tensor:
    return x[x > 0].sum()


def looks_at_the_array(x: tg.Tensor) -> tg.Tensor:
    return x * float(np.linalg.norm(x.array))


def draws_for_nothing(x: tg.Tensor) -> tg.Tensor:
    tg.random.default_generator().random(2)
    return x * 2


def makes_as_many(x: tg.Tensor) -> tg.Tensor:
    return x.sum() * tg.arange(x.abs().max().long())


def looks_at_what_was_drawn(x: tg.Tensor) -> tg.Tensor:
    return x * 2 if tg.rand(1) > 2 else x * 3


def reads_a_norm(x: tg.Tensor) -> tg.Tensor:
    weight = x.detach().requires_grad_()
    (weight.grad,) = tg.autograd.grad((weight * x).sum(), weight)
    return x * nn.utils.clip_grad_norm_([weight], 1.0).item()


seen: list[Any] = []


def appends(x: tg.Tensor) -> tg.Tensor:
    seen.append(1)
    return x * len(seen)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (counts, "changes a variable"),
        (looks, "item takes numbers"),
        (reads_item, "item takes numbers"),
        (computes_elsewhere, "outside of operations|numpy takes"),
        (draws, "outside of operations|getrandbits"),
        (prints, r"print\(\) is called"),
        (selects, "depends on numbers"),
        (looks_at_the_array, "norm takes numbers"),
        (draws_for_nothing, "random numbers are drawn"),
        (appends, "changes a variable"),
        (makes_as_many, "arange returns depends on numbers"),
        (looks_at_what_was_drawn, "truth|takes numbers"),
        (reads_a_norm, "takes numbers|is assigned"),
    ],
)
def test_what_a_program_would_not_repeat_runs_as_it_is(function: Callable[..., Any], reason: str) -> None:
    compiled = tg.compile(function)
    with pytest.warns(UserWarning, match=f"runs as it is, not faster: .*({reason})"):
        compiled(tg.tensor([1.0, -2.0, 3.0]))
    for values in ([1.0, -2.0, 3.0], [-1.0, -2.0, -3.0], [5.0, 6.0, 7.0]):
        if function not in (draws, appends):
            assert same_bits(compiled(tg.tensor(values)), function(tg.tensor(values)))


def test_numbers_that_differ_between_two_calls_are_not_taken_for_constants() -> None:
    rng = np.random.default_rng(0)
    compiled = tg.compile(lambda x: x * rng.normal())
    compiled(tg.ones(1))
    with pytest.warns(UserWarning, match="two calls with the same kinds of arguments differ at mul"):
        compiled(tg.ones(1))
    assert len({compiled(tg.ones(1)).item() for _ in range(4)}) == 4


def scaled(x: tg.Tensor) -> tg.Tensor:
    return x * factor


def test_globals_and_closures_are_looked_at_in_each_call() -> None:
    global factor
    compiled = tg.compile(scaled)
    for value in (2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 2.0):
        factor = value
        assert compiled(tg.ones(2)).tolist() == [value, value]


def test_arguments_that_are_numbers_have_programs_of_their_own() -> None:
    compiled = tg.compile(lambda x, k: x * k)
    for k in (1, 1, 1, 2, 2, 2, 1):
        assert compiled(tg.ones(2), k).tolist() == [k, k]
    for k in range(3, 9):
        assert compiled(tg.ones(2), k).tolist() == [k, k]
    with pytest.warns(UserWarning, match="more than 8 kinds"):
        compiled(tg.ones(2), 9)
    assert compiled(tg.ones(2), 10).tolist() == [10, 10]


def test_one_tensor_for_two_arguments_is_not_two_tensors() -> None:
    compiled = tg.compile(lambda a, b: a - b)
    x, y = tg.ones(2), tg.tensor([3.0, 4.0])
    for a, b in ((x, x), (x, x), (x, x), (x, y), (x, y), (x, y), (y, x), (x, x)):
        assert compiled(a, b).tolist() == (a - b).tolist()
    weight = nn.Parameter([1.0, 2.0])
    scaled = tg.compile(lambda a: (a - weight).detach())
    with pytest.warns(UserWarning, match="by another name"):
        scaled(weight)
    assert scaled(x).tolist() == [0.0, -1.0]


def test_numbers_that_only_look_alike_have_programs_of_their_own() -> None:
    compiled = tg.compile(lambda x, options: x / options["by"][0])
    for value in (0.0, 0.0, 0.0, -0.0, 1, 1.0, True):
        with np.errstate(divide="ignore"):
            assert compiled(tg.ones(1), {"by": [value]}).tolist() == (tg.ones(1) / value).tolist()
    with pytest.warns(UserWarning, match="neither a tensor nor a plain value"):
        compiled(tg.ones(1), {"by": [2.0], "other": [object()]})


def test_what_is_returned_is_what_the_function_returns() -> None:
    weight = nn.Parameter([1.0, 2.0])

    def function(x: tg.Tensor) -> Any:
        return {"sum": (x + weight.detach()).sum(), "same": x, "weight": weight, "number": 3}

    compiled = tg.compile(function)
    for _ in range(4):
        x = tg.ones(2)
        found = compiled(x)
        assert (found["sum"].item(), found["same"], found["weight"], found["number"]) == (5.0, x, weight, 3)


@pytest.mark.parametrize("forward", [lambda x, w: (x + w).sum(), lambda x, w: (x * w).sum()])
def test_a_result_that_can_be_differentiated_runs_as_it_is(forward: Callable[..., tg.Tensor]) -> None:
    weight = nn.Parameter([1.0, 2.0])
    compiled = tg.compile(lambda x: forward(x, weight))
    with pytest.warns(UserWarning, match="can still be differentiated"):
        compiled(tg.ones(2))
    for _ in range(3):
        weight.grad = None
        compiled(tg.ones(2)).backward()
        assert weight.grad is not None


def test_gradients_of_arguments_are_those_of_each_call() -> None:
    def function(x: tg.Tensor) -> tg.Tensor:
        loss = (x * x).sum()
        loss.backward()
        return loss

    compiled = tg.compile(function)
    with pytest.warns(UserWarning, match="fills in .grad of an argument"):
        compiled(tg.ones(2, requires_grad=True))
    for value in (2.0, 3.0, 4.0):
        x = tg.full((2,), value, requires_grad=True)
        compiled(x)
        assert x.grad is not None
        assert x.grad.tolist() == [2 * value] * 2


def test_gradients_that_are_copied_are_results() -> None:
    x, w = tg.randn(2, 2, 6, 6).requires_grad_(), tg.randn(2, 2, 3, 3).requires_grad_()

    def gradients(x: tg.Tensor, w: tg.Tensor) -> Any:
        return tg.autograd.grad((F.conv2d(x, w) ** 2).sum(), (x, w))

    compiled = tg.compile(gradients)
    for _ in range(4):
        assert all(map(same_bits, compiled(x, w), gradients(x, w)))
    assert compiled.explain().startswith("v"), compiled.explain()


def test_hooks_of_modules_and_optimizers_are_called() -> None:
    calls: list[str] = []
    for register in (
        lambda m, o: m.register_forward_hook(lambda *_: calls.append("forward")),
        lambda m, o: o.register_step_post_hook(lambda *_: calls.append("step")),
    ):
        model = nn.Linear(2, 2)
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(x: tg.Tensor, model: nn.Module = model, optimizer: optim.Optimizer = optimizer) -> tg.Tensor:
            optimizer.zero_grad()
            loss = model(x).sum()
            loss.backward()
            optimizer.step()
            return loss

        compiled = tg.compile(step)
        for _ in range(3):
            compiled(tg.ones(1, 2))
        register(model, optimizer)
        with pytest.warns(UserWarning, match="has hooks"):
            compiled(tg.ones(1, 2))
        compiled(tg.ones(1, 2))
    assert calls == ["forward", "forward", "step", "step"]


def test_hooks_of_tensors_are_called() -> None:
    weight = nn.Parameter([1.0, 2.0])
    seen = []
    weight.register_hook(lambda g: seen.append(g.tolist()))

    def function(x: tg.Tensor) -> tg.Tensor:
        loss = (weight * x).sum()
        loss.backward()
        return loss

    compiled = tg.compile(function)
    with pytest.warns(UserWarning, match="hooks"):
        compiled(tg.ones(2))
    compiled(tg.ones(2))
    assert len(seen) == 2
