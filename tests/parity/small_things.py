"""A script for PyTorch that prints what old or careful scripts ask for; see test_programs.py."""

import warnings

import numpy as np
import torch
import torch.nn as nn
import torch.utils.checkpoint
from torch.autograd import Variable

warnings.simplefilter("ignore")


def shares(make):
    """Two backward passes over what two losses share."""
    a = torch.ones(2, 3, requires_grad=True)
    x = make(a)
    (x * 2).sum().backward()
    try:
        (x * 3).sum().backward()
    except RuntimeError:
        return "freed"
    return a.grad.tolist()


def drawn_again(draw, state, restore):
    before = state()
    first = draw()
    restore(before)
    return torch.equal(first, draw())


def under_no_grad(x):
    with torch.no_grad():
        return x.numpy().tolist()


def gradient_of_another_type():
    a = torch.ones(2, requires_grad=True)
    (a * 2).backward(torch.ones(2, dtype=torch.float64))
    return a.grad.tolist(), a.grad.type()


def materialized():
    a, b = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
    return [g.tolist() for g in torch.autograd.grad((a * 2).sum(), (a, b), materialize_grads=True)]


def next_functions():
    a = torch.ones(2, requires_grad=True)
    outer = (a * 2 + 1).grad_fn
    inner = outer.next_functions[0][0]
    return len(outer.next_functions), outer.next_functions[1][0], inner.next_functions[0][0].variable is a


def refused(call):
    try:
        return call()
    except (RuntimeError, TypeError, ValueError, AttributeError, AssertionError) as error:
        return "refused" if str(error) else "refused without a word"


g = torch.Generator().manual_seed(3)
values = torch.tensor([[1.0, 2.5, 4.0], [0.5, float("nan"), 3.0]])
x = torch.ones(2, 3, requires_grad=True) * 2

for make in (
    lambda a: a.t(),
    lambda a: a.reshape(3, 2),
    lambda a: a[0],
    lambda a: a.sum(0),
    lambda a: a + 1,
    lambda a: a * 2,
    lambda a: a.exp(),
    lambda a: torch.cat([a, a]),
    lambda a: a.unbind(0)[1],
    lambda a: a.expand(4, 2, 3),
    lambda a: a.double(),
    lambda a: a.permute(1, 0).flatten(),
    lambda a: a.mean(),
    lambda a: -a,
    lambda a: a.clone(),
):
    print("shared", shares(make))

print(under_no_grad(x), gradient_of_another_type(), materialized(), next_functions())
print(torch.Tensor(2, 3).shape, torch.Tensor([1, 2]), torch.Tensor([[1, 2]]).type(), torch.Tensor().shape)
print(torch.Tensor(np.array([1.0, 2.0])), torch.Tensor(torch.ones(2, 3).size()).shape, torch.Tensor(range(3)))
print(torch.FloatTensor([1, 2]), torch.LongTensor(2, 3).type(), torch.ByteTensor([0, 1]).tolist())
print(torch.DoubleTensor([1.5]).type(), torch.LongTensor(np.array([1.5, 2])), torch.BoolTensor([1, 0]).tolist())
print(
    refused(lambda: torch.ByteTensor([300])), refused(lambda: torch.Tensor(1.5)), refused(lambda: torch.Tensor("a"))
)
print(
    refused(lambda: torch.ones(2).cuda()),
    refused(lambda: nn.Linear(2, 3).cuda()),
    refused(lambda: torch.Tensor(-1)),
)
print(isinstance(x, torch.Tensor), isinstance(x, torch.FloatTensor), isinstance(x, torch.DoubleTensor))
print(isinstance(1, torch.Tensor), torch.Tensor == type(x), issubclass(nn.Parameter, torch.Tensor))  # noqa: E721
print(x.type(), x.type("torch.LongTensor").type(), x.type(torch.DoubleTensor).type(), x.type(torch.int32).type())
print(
    x.new(2, 2).shape, x.new([1, 2]), x.get_device(), x.is_same_size(x), x.storage_offset(), x[1].storage_offset()
)
print(x.nbytes, x.itemsize, x.element_size(), x.data_ptr() == x.data.data_ptr(), x.cpu().is_cuda)
print(torch.tensor([1.0, -2.0]).view(torch.int32), torch.ones(2).view(dtype=torch.uint8).shape)
print(torch.Size([2, 3]), torch.Size((2, 3)).numel(), x.size(), x.shape, x.size(-1), x.shape == (2, 3), x.shape[0])
print(Variable(x).requires_grad, Variable(x.data, requires_grad=True).requires_grad, isinstance(x, Variable))
print(torch.is_tensor(x), torch.is_tensor(1), torch.numel(x), torch.is_floating_point(x), torch.is_complex(x))
print(
    torch.is_nonzero(torch.tensor(2)),
    torch.typename(x),
    torch.promote_types(torch.int32, torch.float16) == torch.half,
)
print(torch.can_cast(torch.float32, torch.int32), torch.can_cast(torch.int64, torch.float16), torch.range(1, 3))
print(
    torch.finfo(torch.float32).eps, torch.finfo(torch.float64).max, torch.finfo().tiny, torch.iinfo(torch.int8).min
)
print(drawn_again(lambda: torch.rand(2), torch.get_rng_state, torch.set_rng_state))
print(drawn_again(lambda: torch.rand(2, generator=g), g.get_state, g.set_state), g.initial_seed())
torch.manual_seed(7)
print(torch.initial_seed(), torch.seed() > 0)
print(torch.bucketize(torch.tensor([1.0, 2.0, 5.0]), torch.tensor([0.0, 2.0, 4.0]), right=True))
for option in ("linear", "lower", "higher", "midpoint", "nearest"):
    print(values.quantile(0.3, dim=1, interpolation=option), values.nanquantile(0.3, dim=1, interpolation=option))
print(torch.quantile(values[0], torch.tensor([0.1, 0.9]), keepdim=True))
print(values[:1].quantile(0.5, dim=0, keepdim=True))
print(*torch.histogram(values[0], 3), *torch.histogram(values[0], 2, range=(0.0, 5.0), density=True))
print(f"{torch.tensor(3.14159):.2f} {torch.tensor(2)} {torch.tensor([1.5])} {x.mean()}", "%d" % torch.tensor(4))  # noqa: UP031
print(torch.tensor([True, True]), torch.zeros(2, 0), torch.tensor([1e-6, 1.0]), torch.tensor(12345.678), values)
torch.set_printoptions(precision=2, sci_mode=False)
print(torch.tensor([1e-6, 1.0]))
torch.set_printoptions(profile="default")
model = nn.DataParallel(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Conv2d(1, 2, 3)))
print(list(model.state_dict()), model.module[0].in_features)
print([isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.modules.conv._ConvNd)) for m in model.module])
scaler = torch.cuda.amp.GradScaler(enabled=False)
with torch.autocast("cuda", enabled=False):
    print(scaler.scale(torch.ones(1)), scaler.state_dict(), scaler.is_enabled())
print(torch.utils.checkpoint.checkpoint(lambda a: a * 2, torch.ones(2), use_reentrant=False))
print(torch.cuda.is_available(), torch.cuda.device_count(), torch.backends.mps.is_available(), torch.version.cuda)
print(isinstance(x, torch.cuda.FloatTensor), hasattr(torch, "no_such_name"), hasattr(x, "no_such_name"))
torch.backends.cudnn.benchmark = True
torch.backends.cudnn.deterministic = False
torch.use_deterministic_algorithms(False)
torch.set_float32_matmul_precision("highest")
torch.cuda.manual_seed_all(1)
torch.cuda.empty_cache()
torch.set_default_tensor_type(torch.DoubleTensor)
print(torch.ones(1).type(), torch.Tensor([1]).type())
torch.set_default_tensor_type("torch.FloatTensor")
