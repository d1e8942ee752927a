"""`tg.compile`: what runs as a program gives what it gives without one, bit for bit, and the rest runs as it is."""

from __future__ import annotations

import copy
import itertools
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
from tinygrad_cnn.kernels.recurrent import Inputs, Steps
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.ops.recurrent import recurrent


def same_bits(a: Any, b: Any) -> bool:
    return (
        a.dtype == b.dtype
        and a.shape == b.shape
        and np.array_equal(a.array, b.array, equal_nan=a.dtype.kind == "f")
    )


def is_a_program(compiled: Any) -> bool:
    """Return whether the last calls of a compiled function, module or forward method ran as a program."""
    programs = getattr(compiled, "_call", compiled).programs
    return any(entry.is_checked for entry in programs.values())


NO_PROGRAMS: dict[str, list[str]] = {
    "computed outside of operations": (
        "where_nonzero, index, getitem, getitem_mixed, pad_with_its_own, gather, "
        "index_select, scatter, scatter_value, scatter_add, index_add, "
        "index_add_alpha, masked_fill_tensor, masked_select, masked_scatter, take, take_along_dim, "
        "block_diag, scatter_reduce_sum_of_the_source, scatter_reduce_prod, "
        "scatter_reduce_prod_of_the_source, scatter_reduce_mean, scatter_reduce_mean_of_the_source, "
        "scatter_reduce_amax, scatter_reduce_amax_of_the_source, scatter_reduce_amin, "
        "scatter_reduce_amin_of_the_source, index_fill, embedding, embedding_bag, "
        "ctc_loss, cond_of_order, "
        "batch_norm_in_evaluation, max_unpool2d, max_pick2d, repeat_interleave"
    ).split(", "),
    "takes numbers out": (
        "nanmean, cummax, cummin, kthvalue, nanmedian, lstsq, matrix_exp, "
        "sort, topk, median, "
        "median_values, quantile, nanquantile, bincount_weights"
    ).split(", "),
    "depends on numbers": "getitem_mixed, masked_select".split(", "),
    "neither a tensor nor a plain value": "index, getitem, unindex, put, RNN_TANH, RNN_RELU, LSTM, GRU".split(", "),
}
"""Cases that run as they are, for all arguments or for some, by the reason that is given."""


@pytest.mark.parametrize("case", [case for case in CASES if case.differentiable], ids=lambda c: c.name)
def test_every_operation_gives_the_same_as_a_program(case: OpCase) -> None:
    refusals: list[str] = []

    @settings(max_examples=5)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        sample, rng = data.draw(case.samples), data.draw(generators())
        weights, arguments = weights_of_results(case, sample, rng), sample.arguments
        inputs = [tg.tensor(a, dtype=np.float64, requires_grad=True) for a in sample.inputs]
        plain = case.function  # programs look at what they can reach: not at the case
        operation = tg.compile(lambda *values, **options: plain(*values, **options))
        function = value_and_gradients(lambda *values, **options: plain(*values, **options), weights)
        compiled, wanted = tg.compile(function), function(*inputs, **arguments)
        differentiated = value_and_gradients(operation, weights)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what runs as it is
            for run in (*[compiled] * 3, *[differentiated] * 3):
                for got, value in zip(run(*inputs, **arguments), wanted, strict=True):
                    assert (got is None and value is None) or same_bits(got, value)
        refusals.extend(run.explain() for run in (compiled, operation) if not is_a_program(run))

    check()
    reasons = {reason for reason, names in NO_PROGRAMS.items() if case.name in names}
    assert all(any(reason in refusal for reason in reasons) for refusal in refusals), refusals
    assert refusals or not reasons, f"{case.name} became a program: take it off NO_PROGRAMS"


def weights_of_results(
    case: OpCase, sample: Sample, rng: np.random.Generator, dtype: Any = np.float64
) -> list[tg.Tensor]:
    """Return a tensor of random weights for each result that has a gradient."""
    out = case.function(*[tg.tensor(a, dtype=dtype, requires_grad=True) for a in sample.inputs], **sample.arguments)
    outs = [o for o in (out if isinstance(out, tuple) else (out,)) if o.requires_grad]
    return [tg.tensor(rng.standard_normal(o.shape), dtype=dtype) for o in outs]


def value_and_gradients(operation: Callable[..., Any], weights: list[tg.Tensor]) -> Callable[..., list[Any]]:
    """Return a function of an operation's inputs: its results, and the gradients of their weighted sum."""

    def function(*inputs: tg.Tensor, **arguments: Any) -> list[Any]:
        out = operation(*inputs, **arguments)
        outs = [o for o in (out if isinstance(out, tuple) else (out,)) if o.requires_grad]
        total = sum((o * w).sum() for o, w in zip(outs, weights, strict=True))
        return [o.detach() for o in outs] + list(tg.autograd.grad(total, inputs, allow_unused=True))

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
        return is_a_program(self.steps[0])


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


LOSSES: dict[str, Callable[..., tg.Tensor]] = {
    "cross_entropy": F.cross_entropy,
    "cross_entropy that ignores -1": lambda x, y: F.cross_entropy(x, y, ignore_index=-1),
    "nll_loss that ignores -1": lambda x, y: F.nll_loss(x.log_softmax(1), y, ignore_index=-1),
    "weights": lambda x, y: F.cross_entropy(x, y, tg.tensor([1.0, 2.0, 3.0], dtype=x.dtype), ignore_index=-1),
    "two losses": lambda x, y: F.cross_entropy(x, y, ignore_index=-1) + F.nll_loss(x, y.clamp(min=0)),
}


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=10)
@given(ignored=st.lists(st.booleans(), min_size=4, max_size=9))
def test_targets_may_be_ignored_in_some_calls(name: str, ignored: list[bool]) -> None:
    """What a function decides by numbers is decided in each call, whichever was captured first."""
    loss = LOSSES[name]
    compiled = tg.compile(lambda x, y: loss(x, y))
    rng = np.random.default_rng(0)
    for ignores in ignored:
        x = tg.tensor(rng.standard_normal((5, 3)), requires_grad=True)
        y = tg.tensor([0, 2, -100 if ignores and name == "cross_entropy" else -int(ignores), 1, 2])
        found = [tg.autograd.grad(f(x, y), x)[0] for f in (compiled, loss)] + [compiled(x, y), loss(x, y)]
        assert same_bits(*found[:2])
        assert same_bits(found[2].detach(), found[3].detach())
    assert is_a_program(compiled), compiled.explain()


def test_what_is_decided_by_drawn_numbers_runs_as_it_is() -> None:
    compiled = tg.compile(lambda x: F.cross_entropy(x, tg.randint(3, (5,))))
    with pytest.warns(UserWarning, match="targets of a loss are drawn by the function"):
        compiled(tg.randn(5, 3))


def test_inference_under_no_grad() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.Softmax(1))
    compiled = tg.compile(model)
    rng = np.random.default_rng(0)
    with tg.no_grad():
        for _ in range(5):
            inputs, _ = batch(rng, 6, 4)
            assert same_bits(compiled(inputs), model(inputs))
    assert is_a_program(compiled)


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
    assert is_a_program(compiled), compiled.explain()


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


@pytest.mark.parametrize(
    "forward", [lambda x, w: (x + w).sum(), lambda x, w: (x * w).sum(), lambda x, w: w[1:] * 2]
)
def test_a_result_can_be_differentiated(forward: Callable[..., tg.Tensor]) -> None:
    weight = nn.Parameter([1.0, 2.0])
    compiled = tg.compile(lambda x: forward(x, weight))
    for value in range(4):
        results = []
        for function in (compiled, lambda x: forward(x, weight)):
            weight.grad, x = None, tg.full((2,), float(value), requires_grad=True)
            function(x).sum().backward()
            results.append((weight.grad, x.grad))
        assert all(same_bits(a, b) if b is not None else a is None for a, b in zip(*results, strict=True))
    assert is_a_program(compiled), compiled.explain()


def test_gradients_of_some_results_are_those_of_the_function() -> None:
    """What a result does not depend on gets no gradient, also where another result does."""
    a, b, shared = (nn.Parameter(tg.randn(3)) for _ in range(3))

    def function(x: tg.Tensor) -> Any:
        hidden = (x * shared).tanh()
        low, high = (hidden * a).split(2)
        return {
            "one": (hidden * a).exp(),
            "two": [hidden * b * b, low + 1],
            "detached": hidden.detach(),
            "high": high,
        }

    compiled = tg.compile(function)
    for _ in range(2):
        compiled(tg.ones(3))
    for chosen in itertools.product((False, True), repeat=4):
        if not any(chosen):
            continue
        found = []
        for run in (compiled, function):
            a.grad = b.grad = shared.grad = None
            out = run(tg.tensor([1.0, 2.0, 3.0]))
            assert not out["detached"].requires_grad
            outs = (out["one"], *out["two"], out["high"])
            tg.autograd.backward([o.sum() for o, is_chosen in zip(outs, chosen, strict=True) if is_chosen])
            found.append((a.grad, b.grad, shared.grad))
        assert all(same_bits(x, y) if y is not None else x is None for x, y in zip(*found, strict=True))
    assert is_a_program(compiled), compiled.explain()


def test_a_function_that_is_called_twice_adds_gradients_in_the_same_order() -> None:
    rng = np.random.default_rng(0)
    weight = nn.Parameter(tg.tensor(rng.standard_normal((4, 4)).astype(np.float32)))
    layer = lambda x: (x @ weight).tanh() @ weight  # noqa: E731
    compiled = tg.compile(layer)
    for _ in range(4):
        x = tg.tensor(rng.standard_normal((8, 4)).astype(np.float32))
        found = []
        for run in (compiled, layer):
            weight.grad = None
            (run(run(x) + weight.sum()) * weight.mean()).sum().backward()
            found.append(weight.grad)
        assert same_bits(*found)
    assert is_a_program(compiled), compiled.explain()


def test_a_result_keeps_the_rules_of_the_graph() -> None:
    weight = nn.Parameter([1.0, 2.0])
    compiled = tg.compile(lambda x: (x * weight * weight).exp())
    for _ in range(3):
        out = compiled(tg.ones(2)).sum()
    out.backward()
    with pytest.raises(RuntimeError, match="retain_graph"):
        out.backward()
    out = compiled(tg.ones(2)).sum()
    with tg.no_grad():
        weight += 1
    with pytest.raises(RuntimeError, match="overwritten in place"):
        out.backward()
    with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
        tg.autograd.grad(compiled(tg.ones(2)).sum(), weight, create_graph=True)
    seen = []
    weight.register_hook(lambda g: seen.append(g.tolist()))
    compiled(tg.zeros(2)).sum().backward()
    assert seen == [[0.0, 0.0]]
    assert is_a_program(compiled), compiled.explain()


def test_a_result_that_shows_an_argument_is_not_written_to_unseen() -> None:
    compiled = tg.compile(lambda x: (x.reshape(4), (x * 2).reshape(4)))
    for _ in range(3):
        x = tg.ones(2, 2) * 1
        x.requires_grad_()
        view, other = compiled(x * 1)
    with pytest.raises(RuntimeError, match="compiled function"):
        view += 1
    other += 1
    other.sum().backward()
    assert x.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]


@pytest.mark.parametrize("how", ["compile(model)", "model.compile()"])
def test_a_model_trains_as_it_does_without_a_program(how: str) -> None:
    class Compiled(Twins):
        def step_of(self, model: nn.Module, optimizer: optim.Optimizer) -> Callable[..., tg.Tensor]:
            run = model
            if not self.steps:
                self.compiled = run = tg.compile(model) if how == "compile(model)" else model
                model.compile() if how == "model.compile()" else None

            def step(inputs: tg.Tensor, targets: tg.Tensor) -> tg.Tensor:
                optimizer.zero_grad()
                loss = F.cross_entropy(run(inputs), targets) + sum(p.square().sum() for p in run.parameters())
                loss.backward()
                optimizer.step()
                return loss

            return step

        def __init__(self) -> None:
            super().__init__(MODELS["batch norm"][0], OPTIMIZERS["adam"])
            self.steps = [step.__wrapped__ if hasattr(step, "__wrapped__") else step for step in self.steps]

    twins = Compiled()
    for seed in range(6):
        twins.step(*batch(np.random.default_rng(seed), 6, 4))
    run = twins.compiled if how == "compile(model)" else twins.compiled.forward
    assert is_a_program(run), run.explain()


def test_a_compiled_model_is_a_model() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    compiled = tg.compile(model)
    assert list(compiled.state_dict()) == [f"_orig_mod.{name}" for name in model.state_dict()]
    compiled.load_state_dict({f"_orig_mod.{name}": value * 0 for name, value in model.state_dict().items()})
    assert model[0].weight.abs().sum().item() == 0
    compiled.eval()
    assert (model.training, compiled.training, model[1].training) == (False, False, False)
    compiled.note = 3
    assert (model.note, compiled.note, len(compiled)) == (3, 3, 2)
    x = tg.ones(4, 2)
    for _ in range(3):
        compiled(x)
    with tg.no_grad():
        other = copy.deepcopy(compiled)
        other.get_parameter("_orig_mod.0.bias").add_(1)
    assert not same_bits(*(m.get_parameter("_orig_mod.0.bias") for m in (compiled, other)))


def test_a_copy_of_a_compiled_model_has_programs_of_its_own() -> None:
    model = nn.Linear(2, 1)
    model.compile()
    for _ in range(3):
        model(tg.ones(1, 2))
    other = copy.deepcopy(model)
    with tg.no_grad():
        other.bias += 1
    for _ in range(4):
        assert (other(tg.ones(1, 2)) - model(tg.ones(1, 2))).item() == pytest.approx(1)


def test_a_leaf_that_a_function_makes_is_returned_as_it_is() -> None:
    compiled = tg.compile(lambda x: tg.zeros(2, requires_grad=True))
    with pytest.warns(UserWarning, match="a leaf of its own"):
        compiled(tg.ones(2))
    assert compiled(tg.ones(2)).requires_grad


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
    assert is_a_program(compiled), compiled.explain()


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


def grows(x: tg.Tensor) -> tg.Tensor:
    return x[x > 0]


def test_with_fullgraph_what_cannot_be_a_program_is_an_error() -> None:
    compiled = tg.compile(grows, fullgraph=True)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"compile: grows cannot be a program .* depends on numbers"):
            compiled(tg.tensor([1.0, -1.0]))
    with tg.no_grad():
        model = nn.Linear(2, 1)
        for run in (tg.compile(model, fullgraph=True), tg.compile(fullgraph=True)(lambda x: x * 2)):
            for size in range(1, 9):
                run(tg.ones(size, 2))
            with pytest.raises(RuntimeError, match="more than 8 kinds of arguments"):
                run(tg.ones(9, 2))
            assert run(tg.ones(1, 2)).shape[0] == 1
    model.compile(fullgraph=True)
    model.register_forward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="hooks"):
        copy.deepcopy(model)(tg.ones(1, 2))


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "reduce-overhead", "dynamic": True},
        {"backend": "inductor", "options": {"max_autotune": True}},
        {"backend": "eager", "fullgraph": True, "dynamic": False},
    ],
)
def test_options_of_pytorch_change_no_result(options: dict[str, Any]) -> None:
    model = nn.Linear(2, 2)
    wanted = model(tg.ones(1, 2))
    function = tg.compile(**options)(lambda x: model(x))
    compiled = tg.compile(model, **options)
    for run in (function, compiled):
        assert all(same_bits(run(tg.ones(1, 2)), wanted) for _ in range(4))
        assert is_a_program(run)


def test_options_that_cannot_be_kept_are_refused() -> None:
    with pytest.raises(RuntimeError, match=r"no mode 'fast'.*reduce-overhead"):
        tg.compile(grows, mode="fast")
    with pytest.raises(RuntimeError, match="both mode and options"):
        tg.compile(grows, mode="default", options={})
    with pytest.raises(ValueError, match=r"no backend .*inductor"):
        tg.compile(grows, backend=lambda graph, inputs: graph)
    with pytest.raises(TypeError, match="wanted a function or a module, got int"):
        tg.compile(3)
    with pytest.raises(TypeError, match="full_graph"):
        tg.compile(grows, full_graph=True)


def test_what_is_disabled_is_returned_as_it_is() -> None:
    model = nn.Linear(2, 2)
    assert tg.compile(model, disable=True) is model
    assert tg.compile(disable=True)(grows) is grows


@pytest.mark.parametrize(("mode", "gates"), [("RNN_TANH", 1), ("LSTM", 4), ("GRU", 3)])
def test_recurrent_layers_go_back_through_the_run_at_hand(mode: str, gates: int) -> None:
    """The inputs of a layer share its backward pass; a later run with the same gradient has one of its own."""
    tg.manual_seed(0)
    hidden, w, v = tg.zeros(1, 2), tg.randn(2 * gates, 3), tg.randn(2 * gates, 2)
    steps = Steps((1, 1, 1, 1))

    def slope(x: tg.Tensor, gradient: tg.Tensor) -> tg.Tensor:
        inputs = Inputs(x, hidden, hidden if mode == "LSTM" else None, w, v, None, None, None)
        return tg.autograd.grad(recurrent(mode, inputs, steps)[0], x, gradient)[0]

    compiled, gradient = tg.compile(slope), tg.ones(4, 2)
    x = tg.randn(4, 3).requires_grad_()
    for _ in range(5):
        with tg.no_grad():
            x += 1
            v *= 0.9
        assert same_bits(compiled(x, gradient), slope(x, gradient))
    assert is_a_program(compiled)
