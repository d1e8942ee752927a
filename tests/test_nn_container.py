"""Rows and dictionaries of modules are Python's own, with names in the state as in PyTorch."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import nn

ITEMS = {
    nn.Sequential: lambda: nn.Linear(1, 1),
    nn.ModuleList: lambda: nn.Linear(1, 1),
    nn.ParameterList: lambda: nn.Parameter([1.0]),
}
KINDS = pytest.mark.parametrize("kind", ITEMS)
place = st.integers(-4, 4)
edits = st.lists(
    st.one_of(
        st.tuples(st.just("append")),
        st.tuples(st.just("extend")),
        st.tuples(st.just("insert"), place),
        st.tuples(st.just("pop"), place),
        st.tuples(st.just("set"), place),
        st.tuples(st.just("delete"), place),
        st.tuples(st.just("delete slice"), place, place),
        st.tuples(st.just("add")),
        st.tuples(st.just("reverse")),
    ),
    max_size=8,
)


def row(kind, items):
    return kind().extend(items)


def edit(target, name, arguments, new):
    """Make the change to a list or a row; return what it is now, or the error's class if it was refused."""
    try:
        match name:
            case "append":
                target.append(new)
            case "extend":
                target.extend([new])
            case "insert":
                target.insert(*arguments, new)
            case "pop":
                target.pop(*arguments)
            case "set":
                target[arguments[0]] = new
            case "delete":
                del target[arguments[0]]
            case "delete slice":
                del target[slice(*arguments)]
            case "add":
                target += [new]
            case "reverse":
                target.reverse()
    except IndexError:
        return IndexError
    return list(target)


@KINDS
@given(count=st.integers(0, 3), edits=edits)
def test_a_row_is_edited_as_a_list_is_and_numbered_from_0(kind, count, edits):
    start = [ITEMS[kind]() for _ in range(count)]
    ours, model = row(kind, start), list(start)
    for name, *arguments in edits:
        new = ITEMS[kind]()
        got, wanted = edit(ours, name, arguments, new), edit(model, name, arguments, new)
        if wanted is IndexError:
            assert got is IndexError
        else:
            assert [id(item) for item in got] == [id(item) for item in wanted]
        assert len(ours) == len(model)
        assert [ours[i] is model[i] for i in range(-len(model), len(model))] == [True] * 2 * len(model)
        assert list(dict.fromkeys(key.split(".")[0] for key in ours.state_dict())) == [*map(str, range(len(model)))]


@KINDS
def test_slices_and_sums_are_new_rows_of_the_same_items(kind):
    a, b, c = items = [ITEMS[kind]() for _ in range(3)]
    whole = row(kind, items)
    assert type(whole[1:]) is kind
    assert [x is y for x, y in zip(whole[1:], [b, c], strict=True)] == [True, True]
    both = whole + [a] if kind is not nn.ParameterList else whole + [ITEMS[kind]()]
    assert (type(both), len(both), len(whole)) == (kind, 4, 3)
    whole[0:2] = [c]
    assert [item is c for item in whole] == [True, True]


@KINDS
def test_what_does_not_belong_is_refused_and_changes_nothing(kind):
    one = row(kind, [ITEMS[kind]()])
    before = list(one.state_dict())
    for wrong in (None, 3, "relu", nn.Linear):
        for change in (one.append, lambda item: one.insert(0, item), lambda item: one.__setitem__(0, item)):
            with pytest.raises(TypeError, match=kind.__name__):
                change(wrong)
    assert list(one.state_dict()) == before


def test_a_list_of_modules_is_trained_but_says_itself_how_it_is_called():
    layers = nn.ModuleList([nn.Linear(2, 2), nn.BatchNorm1d(2)])
    assert not layers.eval()[1].training
    assert len(list(layers.parameters())) == 4
    with pytest.raises(NotImplementedError, match="ModuleList: forward"):
        layers(tg.ones(1, 2))


def test_a_tensor_becomes_a_parameter_in_a_list_of_them():
    values = nn.ParameterList([tg.zeros(2), nn.Parameter([1.0])])
    values.append(tg.ones(1))
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in values)
    assert len(list(values.parameters())) == 3
    assert repr(nn.ParameterList()) == "ParameterList()"


def test_a_dict_of_modules_is_a_dict():
    relu, tanh = nn.ReLU(), nn.Tanh()
    choices = nn.ModuleDict({"relu": relu})
    choices["tanh"] = tanh
    choices.update({"linear": nn.Linear(2, 2)})
    assert list(choices) == ["relu", "tanh", "linear"]
    assert ("relu" in choices, "elu" in choices, len(choices)) == (True, False, 3)
    assert list(choices.values())[:2] == [relu, tanh]
    assert list(choices.state_dict()) == ["linear.weight", "linear.bias"]
    assert choices.pop("tanh") is tanh
    del choices["relu"]
    assert list(choices.keys()) == ["linear"]
    with pytest.raises(KeyError, match="there is no module 'rleu'; there are linear"):
        choices["rleu"]
    choices.clear()
    assert repr(choices) == "ModuleDict()"


@pytest.mark.parametrize("name", ["keys", "forward", "a.b", ""])
def test_a_dict_of_modules_has_no_names_that_would_hide_its_methods(name):
    with pytest.raises(KeyError, match="cannot be named"):
        nn.ModuleDict({name: nn.ReLU()})
    with pytest.raises(TypeError, match="'relu' is None; wanted a Module"):
        nn.ModuleDict({"relu": None})


def test_copies_of_containers_are_independent():
    rows = nn.ModuleDict({"a": nn.ModuleList([nn.Linear(1, 1)]), "b": nn.ParameterList([tg.ones(1)])})
    twin = copy.deepcopy(rows)
    twin["a"].append(nn.Linear(1, 1))
    twin["b"][0] = tg.zeros(1)
    assert len(rows["a"]) == 1
    assert rows["b"][0].item() == 1
