"""Arguments that are no tensors, and names that no parameter has: the error says which, and what was wanted.

Every public function, module and class is held to it; what is called wrongly is drawn from their signatures.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tests.support.module_cases import CASES, ModuleCase
from tinygrad_cnn import data, distributions, linalg, nn, ops, optim, training
from tinygrad_cnn.data import datasets, transforms
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.optim import lr_scheduler

WRONG = [[1.0, [2.0]], None, "text", {"images": 1}, object(), nn.ReLU, (tg.ones(2), tg.ones(2))]
TENSOR = re.compile(r"(T|Tensor|Array)( \| None)?")
TENSORS = re.compile(r"(Sequence|Iterable)\[(T|Tensor)\]")
WORDED = re.compile(r"[A-Za-z][\w.]*: ")
INTERNAL = re.compile(r"(?<![\w'\"])_[A-Za-z]|Geometry\(|Window\(|object has no attribute")


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for namespace, names in ((tg, ops.__all__), (F, F.__all__), (linalg, linalg.__all__)):
        for name in (n for n in names if not inspect.isclass(getattr(namespace, n))):
            yield f"{namespace.__name__.rpartition('.')[2]}.{name}", getattr(namespace, name)


FUNCTIONS = dict(functions())
CLASSES = {
    f"{namespace.__name__.rpartition('.')[2]}.{name}": getattr(namespace, name)
    for namespace in (nn, optim, lr_scheduler, data, datasets, transforms, distributions, training)
    for name in namespace.__all__
    if inspect.isclass(getattr(namespace, name)) and hasattr(getattr(namespace, name).__init__, "__wrapped__")
}
METHODS = {name: getattr(tg.Tensor, name) for name in dir(tg.Tensor) if name[0] != "_" and name in ops.__all__}


def error_of(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except Exception as error:
        return error
    return None


def is_worded(error: Exception | None) -> bool:
    """Whether a call went well, or the package says what is wrong, and names nothing that is not public."""
    words = str(error)
    worded = WORDED.match(words) and not INTERNAL.search(words) and not isinstance(error, AttributeError)
    return error is None or bool(worded)


def names_of(parameters: list[inspect.Parameter]) -> list[str]:
    """Parameters to be given by name, if they are all that a call takes."""
    if any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters):
        return []
    return [p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY and len(p.name) > 3]


def plausible(parameter: inspect.Parameter) -> Any:
    """An argument that a parameter may take."""
    wanted = str(parameter.annotation)
    if TENSOR.fullmatch(wanted):
        return tg.ones(2, 2)
    if TENSORS.fullmatch(wanted):
        return [tg.ones(2, 2)]
    return 1 if wanted in ("int", "Size", "float") else tg.ones(2, 2)


def calls_with_wrong_tensors(function: Any) -> Iterator[dict[str, Any]]:
    """Calls in which one argument that should be a tensor, or a list of tensors, is none."""
    parameters = inspect.signature(function).parameters.values()
    required = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    for parameter in required:
        several = TENSORS.fullmatch(str(parameter.annotation))
        if not several and not TENSOR.fullmatch(str(parameter.annotation)):
            continue
        for value in [tg.ones(2, 2), 1.0, [1.0], [None]] if several else WRONG:
            yield {p.name: value if p is parameter else plausible(p) for p in required}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_names_the_argument_that_is_no_tensor(name: str) -> None:
    for arguments in calls_with_wrong_tensors(FUNCTIONS[name]):
        assert is_worded(error_of(lambda given=arguments: FUNCTIONS[name](**given))), arguments


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=2)
@given(data=st.data())
def test_a_module_names_the_argument_that_is_no_tensor(case: ModuleCase, data: st.DataObject) -> None:
    sample = data.draw(case.samples)
    module, inputs = case.make(sample), sample.given(tg)
    for i in range(len(inputs)):
        for value in WRONG:
            given = (*inputs[:i], value, *inputs[i + 1 :])
            assert is_worded(error_of(lambda given=given: module(*given))), given


def misspelt(name: str) -> str:
    """A name with two letters exchanged."""
    return name[:1] + name[2] + name[1] + name[3:] if name[1] != name[2] else name + "x"


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_a_misspelt_keyword_is_recognised(name: str) -> None:
    callable = (FUNCTIONS | CLASSES)[name]
    by_name = names_of([*inspect.signature(callable).parameters.values()])
    if not by_name:
        return
    wrong = misspelt(by_name[-1])
    with pytest.raises(TypeError, match=rf"{wrong}.*did you mean '\w+'") as caught:
        callable(**{wrong: 1})
    assert is_worded(caught.value), caught.value


@pytest.mark.parametrize("name", METHODS)
def test_a_method_recognises_a_misspelt_keyword(name: str) -> None:
    by_name = names_of([*inspect.signature(METHODS[name]).parameters.values()][1:])
    if not by_name:
        return
    wrong = misspelt(by_name[-1])
    with pytest.raises(TypeError, match=rf"^\w+: .*{wrong}.*did you mean '\w+'"):
        getattr(tg.ones(2, 2), name)(**{wrong: 1})


class Net(nn.Module):
    """A user's model."""

    def forward(self, x: Any) -> Any:
        return tg.relu(x.layers)


def test_mistakes_in_the_code_of_a_user_stay_as_python_words_them() -> None:
    with pytest.raises(AttributeError, match="'list' object has no attribute 'layers'"):
        Net()([1.0])
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'; did you mean 'weight'"):
        nn.Linear(2, 2).wieght  # noqa: B018
    with pytest.raises(TypeError, match=r"^Net: got 2 arguments .*, 1 more than it takes; wanted Net\(x\)"):
        Net()(1, 2)


MESSAGES: list[tuple[Callable[[], object], str]] = [
    (lambda: nn.Linear(2, 3)([[1.0, 2.0]]), r"Linear: input is a list of 1 list; wanted a tensor: tensor\(...\)"),
    (lambda: tg.relu(None), r"relu: input is None; wanted a tensor \(does the function that made it return"),
    (lambda: F.mse_loss(tg.ones(2), 1.0), r"mse_loss: target is 1.0; wanted a tensor: tensor\(1.0\)"),
    (lambda: tg.cat(tg.ones(2)), r"cat: tensors is a tensor of shape \(2,\); wanted a list .*: \[tensors\]"),
    (lambda: tg.stack([tg.ones(2), [1.0]]), r"stack: tensors\[1\] is a list of 1 number; wanted a tensor"),
    (lambda: tg.ones(2, 2) @ [[1.0], [2.0]], "matmul: other is a list of 2 lists; wanted a tensor"),
    (lambda: nn.Conv2d(1, 6, kernal_size=3), "Conv2d: .* no argument 'kernal_size'; did you mean 'kernel_size'"),
    (lambda: optim.SGD([tg.ones(2)], momentun=1), "SGD: .* no option 'momentun'; did you mean 'momentum'"),
    (lambda: nn.Conv2d(1, 6), r"Conv2d: 'kernel_size' is missing; wanted Conv2d\(in_channels, out_channels, "),
    (lambda: nn.Linear(4, 2)((tg.ones(1, 4), None)), r"input is a tuple of 2 items; .* such as input\[0\]"),
    (lambda: nn.Linear(4, 2)([tg.ones(4)]), r"Linear: input is a list of 1 tensor; .* stack\(input\)"),
    (lambda: F.dropout(nn.Linear), r"dropout: input is the class Linear; .* an instance, Linear\(\)"),
    (lambda: nn.MaxPool2d(5)(np.ones((1, 1, 3, 3))), r"over \(5, 5\), .* than the padded input, \(3, 3\)"),
]


@pytest.mark.parametrize(("wrong", "message"), MESSAGES)
def test_what_a_wrong_argument_says(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        wrong()
