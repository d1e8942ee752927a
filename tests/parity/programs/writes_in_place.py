"""Writes in place as scripts make them: buffers filled a slice at a time, masks, accumulators, swapped rows."""

import torch
import torch.nn as nn
from _numbers import fill, tensor

torch.set_default_dtype(torch.float64)
x, y = tensor(6, 4), tensor(6, 3, seed=1)
layers = fill(nn.ModuleList([nn.Linear(4, 3), nn.Linear(3, 3), nn.Linear(3, 3)]))
optimizer = torch.optim.SGD(layers.parameters(), lr=0.1)


def accumulate(total, part):
    total += part


for step in range(5):
    h = layers[0](x)
    out = torch.zeros(3, 6, 3)
    for i, layer in enumerate(layers[1:]):
        h = layer(h.tanh())
        out[i] = h
    out[2, :, 0] += h[:, 1] * 2
    rows = out[0]
    rows *= 0.5
    out[:, ::2].clamp_(min=-1)
    mask = out > 0.2
    out[mask] = out[mask] * 0.1
    total = torch.zeros(())
    for part in out.sum(0).sub(y).pow(2).unbind(1):
        accumulate(total, part.mean())
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    print(step, total.item(), layers[0].weight.grad.norm().item(), out.abs().max().item())
with torch.no_grad():
    w = layers[1].weight
    w[0], w[1] = w[1].clone(), w[0].clone()
    w.data.add_(1).mul_(0.5)
    w[:, 0].fill_(0.25)
    print(w)
state = torch.arange(12.0).view(3, 4)
state[1:] -= state[:-1].clone()
state.t_().squeeze_().unsqueeze_(0)
print(state.shape, state.sum().item())
