"""A module knows what is inside it, and its state goes in and out whole."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn


class Block(nn.Module):
    """One of everything: a parameter, one left out, both kinds of buffers, and modules."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter([[1.0, 2.0], [3.0, 4.0]])
        self.register_parameter("bias", None)
        self.register_buffer("mean", tg.zeros(2))
        self.register_buffer("count", tg.tensor(3))
        self.register_buffer("cache", tg.ones(1), persistent=False)
        self.inner = nn.Sequential(nn.Linear(2, 3), nn.ReLU())

    def forward(self, x):
        return self.inner(x @ self.weight)


def values(module):
    return {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in a)


# --- parameters --------------------------------------------------------------------------------------------------


def test_a_parameter_is_a_leaf_that_requires_a_gradient_and_its_results_are_plain_tensors():
    p = nn.Parameter([1.0, 2.0])
    assert p.requires_grad
    assert p.is_leaf
    for result in (p + 1, p.detach(), p.clone(), p.double(), p[0]):
        assert type(result) is tg.Tensor


def test_a_parameter_shares_a_tensor_and_copies_an_array():
    tensor, array = tg.zeros(2), np.zeros(2, np.float32)
    assert np.shares_memory(nn.Parameter(tensor).array, tensor.array)
    assert not np.shares_memory(nn.Parameter(array).array, array)
    assert nn.Parameter().shape == (0,)
    assert not nn.Parameter(tensor, requires_grad=False).requires_grad


def test_a_parameter_of_integers_is_refused():
    with pytest.raises(RuntimeError, match="floating-point"):
        nn.Parameter([1, 2])


def test_repr_of_a_parameter():
    assert repr(nn.Parameter([1.0])) == "Parameter containing:\ntensor([1.], requires_grad=True)"


# --- registration ------------------------------------------------------------------------------------------------


def test_what_is_assigned_is_found_by_its_dotted_name_in_order():
    block = Block()
    assert [n for n, _ in block.named_parameters()] == ["weight", "inner.0.weight", "inner.0.bias"]
    assert [n for n, _ in block.named_buffers()] == ["mean", "count", "cache"]
    assert [n for n, _ in block.named_modules()] == ["", "inner", "inner.0", "inner.1"]
    assert [n for n, _ in block.named_children()] == ["inner"]
    assert list(block.state_dict()) == ["weight", "mean", "count", "inner.0.weight", "inner.0.bias"]
    assert [n for n, _ in block.named_parameters(prefix="net", recurse=False)] == ["net.weight"]
    assert next(block.parameters()) is block.weight
    assert list(block.modules())[1] is block.inner


def test_a_shared_object_appears_once_but_under_each_name_in_the_state():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    model = nn.Sequential(first, second, first)
    assert [n for n, _ in model.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert [n for n, _ in model.named_modules()] == ["", "0", "1"]
    assert len(list(model.children())) == 2
    assert list(model.state_dict()) == [f"{i}.{n}" for i in range(3) for n in ("weight", "bias")]


def test_replacing_keeps_the_place_and_none_takes_it_out():
    layer = nn.Linear(2, 2)
    layer.weight = nn.Parameter(tg.zeros(2, 2))
    assert [n for n, _ in layer.named_parameters()] == ["weight", "bias"]
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]
    layer.bias = nn.Parameter(tg.zeros(2))
    assert list(layer.state_dict()) == ["weight", "bias"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("weight", tg.zeros(2, 2)), ("bias", 1.0), ("mean", [0.0]), ("inner", 3), ("weight", nn.ReLU())],
)
def test_a_registered_name_takes_only_its_own_kind(name, value):
    block = Block()
    before = getattr(block, name)
    with pytest.raises(TypeError, match=f"Block: cannot assign .*{name}"):
        setattr(block, name, value)
    assert getattr(block, name) is before


def test_a_buffer_takes_a_tensor_and_becomes_a_parameter_when_assigned_one():
    block = Block()
    block.mean = tg.ones(2)
    assert dict(block.named_buffers())["mean"] is block.mean
    block.mean = nn.Parameter(tg.ones(2))
    assert "mean" in dict(block.named_parameters())
    assert "mean" not in dict(block.named_buffers())


def test_an_attribute_that_is_deleted_is_forgotten():
    block = Block()
    del block.inner
    del block.mean
    assert list(block.state_dict()) == ["weight", "count"]
    with pytest.raises(AttributeError):
        del block.inner


@pytest.mark.parametrize("name", ["", "a.b", "forward", "parameters"])
def test_names_that_cannot_be_registered(name):
    module = nn.Module()
    for register in (module.register_parameter, module.register_buffer, module.add_module):
        with pytest.raises(KeyError, match="cannot be named"):
            register(name, None)
    with pytest.raises(KeyError, match="cannot be named"):
        setattr(module, name, nn.Parameter([1.0]))


def test_registering_over_another_attribute_or_the_wrong_kind_is_refused():
    module = nn.Module()
    module.size = 3
    module.register_buffer("mean", None)
    for name in ("size", "mean"):
        with pytest.raises(KeyError, match="already"):
            module.register_parameter(name, nn.Parameter([1.0]))
    with pytest.raises(TypeError, match="wanted a Parameter or None"):
        module.register_parameter("w", tg.ones(1))
    with pytest.raises(TypeError, match="wanted a Tensor or None"):
        module.register_buffer("b", [1.0])
    with pytest.raises(TypeError, match=r"did you mean ReLU\(\)"):
        module.add_module("relu", nn.ReLU)
    with pytest.raises(TypeError, match="wanted a string"):
        module.add_module(1, nn.ReLU())


def test_a_module_cannot_contain_itself():
    outer = nn.Sequential(nn.Sequential())
    with pytest.raises(ValueError, match="contains this module"):
        outer[0].outer = outer


def test_assigning_before_init_says_what_to_call():
    class Early(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter([1.0])

    class Never(nn.Module):
        def __init__(self):
            self.size = 1

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\) before assigning parameter 'weight'"):
        Early()
    with pytest.raises(AttributeError, match=r"was super\(\).__init__\(\) called"):
        Never().eval()


def test_an_unknown_attribute_names_the_nearest():
    with pytest.raises(AttributeError, match="'Block' object has no attribute 'wieght'; did you mean 'weight'"):
        _ = Block().wieght
    assert not hasattr(Block(), "__nothing__")


def test_a_property_that_fails_shows_its_own_error():
    class Broken(nn.Module):
        @property
        def size(self):
            return self.inside

    with pytest.raises(AttributeError, match="'inside'"):
        _ = Broken().size


def test_a_property_keeps_a_parameter_under_the_name_that_its_setter_chooses():
    class Tied(nn.Module):
        @property
        def weight(self):
            return self.inner

        @weight.setter
        def weight(self, value):
            self.inner = value

    tied = Tied()
    tied.weight = nn.Parameter([1.0])
    assert list(tied.state_dict()) == ["inner"]


def test_dir_lists_attributes_but_no_numbers():
    assert {"weight", "inner", "forward"} <= set(dir(Block()))
    assert "0" not in dir(Block().inner)


def test_get_submodule():
    block = Block()
    assert block.get_submodule("inner.0") is block.inner[0]
    assert block.get_submodule("") is block
    with pytest.raises(AttributeError, match=r"no submodule 'iner.0'; did you mean 'inner.0'"):
        block.get_submodule("iner.0")


# --- acting on all of it -----------------------------------------------------------------------------------------


def test_a_call_is_forward_and_a_missing_forward_names_the_class():
    class Empty(nn.Module):
        pass

    block, x = Block(), tg.ones(1, 2)
    assert np.array_equal(block(x).detach().numpy(), block.forward(x).detach().numpy())
    with pytest.raises(NotImplementedError, match="Empty: forward"):
        Empty()(x)


def test_train_and_eval_reach_every_module():
    block = Block()
    assert block.training
    assert block.eval() is block
    assert not any(m.training for m in block.modules())
    assert all(m.training for m in block.train().modules())
    with pytest.raises(ValueError, match="wanted True or False"):
        block.train("yes")


def test_apply_goes_from_the_inside_out():
    seen = []
    block = Block()
    assert block.apply(seen.append) is block
    assert [type(m).__name__ for m in seen] == ["Linear", "ReLU", "Sequential", "Block"]


def test_zero_grad_drops_gradients_or_zeroes_them_in_place():
    block = Block()
    block(tg.ones(1, 2)).sum().backward()
    memory = block.weight.grad.array
    block.zero_grad(set_to_none=False)
    assert block.weight.grad.array is memory
    assert not memory.any()
    block.zero_grad()
    assert all(p.grad is None for p in block.parameters())


def test_zero_grad_forgets_the_history_of_a_gradient():
    x = nn.Module()
    x.p = nn.Parameter([2.0])
    (x.p**3).sum().backward(create_graph=True)
    x.zero_grad(set_to_none=False)
    assert not x.p.grad.requires_grad


def test_requires_grad_freezes_parameters():
    block = Block().requires_grad_(False)
    assert not block(tg.ones(1, 2)).requires_grad
    assert Block().requires_grad_(True)(tg.ones(1, 2)).requires_grad


def test_conversion_keeps_the_tensor_objects_and_leaves_integers():
    block = Block()
    before = list(block.parameters())
    block(tg.ones(1, 2)).sum().backward()
    assert block.double() is block
    assert all(a is b for a, b in zip(before, block.parameters(), strict=True))
    assert {p.dtype for p in block.parameters()} == {p.grad.dtype for p in block.parameters()} == {tg.float64}
    assert block.mean.dtype == tg.float64
    assert block.count.dtype == tg.int64
    block.zero_grad()
    block(tg.ones(1, 2, dtype=tg.float64)).sum().backward()
    assert block.float().weight.dtype == tg.float32
    with pytest.raises(TypeError, match=r"Block.to: wanted a floating-point type, got int64"):
        block.to(tg.int64)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_is_independent(duplicate):
    block = Block()
    twin = duplicate(block)
    assert same(values(block), values(twin))
    with tg.no_grad():
        twin.weight.zero_()
    assert block.weight.array.any()
    assert type(twin.weight) is nn.Parameter
    twin.extra = nn.Parameter([1.0])
    assert "extra" not in block.state_dict()


# --- state -------------------------------------------------------------------------------------------------------


def test_the_state_shares_memory_and_has_no_history():
    block = Block()
    for name, tensor in block.state_dict().items():
        assert not tensor.requires_grad
        assert type(tensor) is tg.Tensor
        owner, _, last = name.rpartition(".")
        assert tensor.array is getattr(block.get_submodule(owner), last).array


@pytest.mark.parametrize("form", [lambda t: t, lambda t: t.numpy().astype(np.float64)])
def test_loading_copies_into_the_same_memory_and_type(form):
    source, target = Block(), Block()
    memory = target.inner[0].weight.array
    state = {n: form(t) if t.dtype == tg.float32 else t for n, t in source.state_dict().items()}
    assert target.load_state_dict(state) == ([], [])
    assert same(values(source), values(target))
    assert target.inner[0].weight.array is memory
    assert not np.shares_memory(memory, source.inner[0].weight.array)


def test_loading_is_noticed_by_what_was_recorded_before():
    layer = nn.Linear(2, 2)
    x = tg.ones(1, 2, requires_grad=True)
    loss = layer(x).sum()
    layer.load_state_dict(nn.Linear(2, 2).state_dict())
    with pytest.raises(RuntimeError, match="copy_"):
        loss.backward()


def test_all_that_does_not_fit_is_listed_in_one_error_and_nothing_changes():
    block = Block()
    before = values(block)
    state = {name: np.ones_like(value) for name, value in before.items()}
    del state["mean"]
    state["maen"] = np.zeros(2)
    state["inner.0.weight"] = np.zeros((3, 3))
    state["inner.0.bias"] = [0.0, 0.0, 0.0]
    state["count"] = np.array(1.0)
    state["weight"] = np.ones((2, 2), np.int64)
    with pytest.raises(RuntimeError) as error:
        block.load_state_dict(state)
    for line in (
        "missing: mean",
        "unexpected: maen; did you mean 'mean'?",
        "inner.0.weight: has shape (3, 3); wanted (3, 2)",
        "inner.0.bias: is a list; wanted a tensor or an array",
        "count: has numbers of type float64; wanted int64",
        "weight: has numbers of type int64; wanted float32",
    ):
        assert f"\n  {line}" in str(error.value)
    assert same(values(block), before)


def test_loading_what_is_there_if_not_strict():
    block = Block()
    keys = block.load_state_dict({"weight": tg.zeros(2, 2), "other": tg.ones(1)}, strict=False)
    assert not block.weight.array.any()
    assert keys.unexpected_keys == ["other"]
    assert "mean" in keys.missing_keys
    with pytest.raises(RuntimeError, match="shape"):
        block.load_state_dict({"weight": tg.zeros(3)}, strict=False)
    with pytest.raises(TypeError, match="wanted a dict of tensors, got list"):
        block.load_state_dict([tg.zeros(1)])


# --- Sequential --------------------------------------------------------------------------------------------------


def test_sequential_applies_its_modules_in_order_even_one_twice():
    class Double(nn.Module):
        def forward(self, x):
            return x * 2

    class Increment(nn.Module):
        def forward(self, x):
            return x + 1

    double = Double()
    assert nn.Sequential(double, Increment(), double)(tg.tensor(1.0)).item() == 6
    assert nn.Sequential()(3) == 3


def test_sequential_is_a_sequence():
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    model = nn.Sequential(a, b).append(c)
    assert (len(model), list(model), model[0], model[-1]) == (3, [a, b, c], a, c)
    assert list(model[1:]) == [b, c]
    assert [n for n, _ in model[1:].named_children()] == ["1", "2"]
    assert list(model[1:].append(a)) == [b, c, a]
    for index in (3, -4):
        with pytest.raises(IndexError, match="out of range for 3 modules"):
            model[index]


def test_sequential_of_a_dict_has_its_names():
    model = nn.Sequential({"linear": nn.Linear(2, 2), "relu": nn.ReLU()})
    assert model.linear is model[0]
    assert list(model.state_dict()) == ["linear.weight", "linear.bias"]


@pytest.mark.parametrize("wrong", [None, 3, tg.relu, nn.ReLU])
def test_sequential_refuses_what_is_no_module(wrong):
    with pytest.raises(TypeError, match="Module"):
        nn.Sequential(nn.ReLU(), wrong)


def test_repr_is_nested():
    assert repr(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Flatten()))) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): Flatten(start_dim=1, end_dim=-1)\n"
        "  )\n"
        ")"
    )
    assert repr(nn.ReLU()) == "ReLU()"
