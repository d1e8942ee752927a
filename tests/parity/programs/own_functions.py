"""Derivatives of one's own: several results, derivatives of derivatives, checks, optimizers inside the backward pass."""

import torch
import torch.nn.functional as F
from _numbers import fill, tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

torch.set_default_dtype(torch.float64)


class Sinh(Function):
    @staticmethod
    def forward(ctx, x):
        up, down = torch.exp(x), torch.exp(-x)
        ctx.save_for_backward(up, down)
        return (up - down) / 2, up, down

    @staticmethod
    def backward(ctx, g, g_up, g_down):
        up, down = ctx.saved_tensors
        grad = g * (up + down) / 2
        grad += g_up * up
        grad -= g_down * down
        return grad


class ConvThenScale(Function):
    @staticmethod
    def forward(ctx, x, weight, eps=1e-3):
        ctx.save_for_backward(x, weight)
        out = F.conv2d(x, weight)
        ctx.scale, ctx.eps = out.var(unbiased=True, dim=(0, 2, 3)).detach(), eps
        out /= (ctx.scale * 0 + 2 + eps)[None, :, None, None]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        x, weight = ctx.saved_tensors
        g = g / (2 + ctx.eps)
        grad_weight = F.conv2d(x.transpose(0, 1), g.transpose(0, 1)).transpose(0, 1)
        return F.conv_transpose2d(g, weight), grad_weight, None


x = tensor(3, 3, seed=1).requires_grad_()
print(
    torch.autograd.gradcheck(lambda t: Sinh.apply(t)[0], x),
    torch.autograd.gradgradcheck(lambda t: Sinh.apply(t)[0], x),
)
result = x.clone()
print(torch.autograd.gradcheck(lambda t: Sinh.apply(t)[0], result))
(grad,) = torch.autograd.grad(Sinh.apply(x)[0].sum(), x, create_graph=True)
grad.pow(2).sum().backward()
print(grad.sum().item(), x.grad)

image, weight = tensor(2, 3, 5, 5, seed=2).requires_grad_(), tensor(4, 3, 3, 3, seed=3).requires_grad_()
print(torch.autograd.gradcheck(ConvThenScale.apply, (image, weight)))
ConvThenScale.apply(image, weight).pow(2).mean().backward()
print(weight.grad.norm().item(), image.grad.norm().item())

model = fill(torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Sigmoid(), torch.nn.Linear(8, 1)))
optimizers = {p: torch.optim.Adam([p], lr=0.05, foreach=False) for p in model.parameters()}


def step(parameter):
    optimizers[parameter].step()
    optimizers[parameter].zero_grad()


seen = []
for p in model.parameters():
    p.register_post_accumulate_grad_hook(step)
model[1].register_forward_hook(
    lambda module, args, out: out.register_hook(lambda g: seen.append(g.abs().mean().item()))
)
data, target = tensor(16, 5, seed=5), tensor(16, 1, seed=6)
for _ in range(4):
    loss = (model(data) - target).pow(2).mean()
    loss.backward()
    print(loss.item(), seen[-1], [p.grad for p in model.parameters()])
