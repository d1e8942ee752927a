"""Forward and backward hooks, activations by name, gradients by layer, changes of gradients on the way."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from _numbers import fill, tensor

torch.set_default_dtype(torch.float64)
model = fill(
    nn.Sequential(
        nn.Linear(6, 8), nn.Tanh(), nn.Sequential(nn.Linear(8, 8), nn.Softplus()), nn.LayerNorm(8), nn.Linear(8, 3)
    )
)
activation, gradients = {}, {}


def get_activation(name):
    def hook(model, input, output):
        activation[name] = output.detach()

    return hook


def get_gradient(name):
    def hook(module, grad_input, grad_output):
        gradients[name] = grad_output[0].norm().item()

    return hook


handles = []
for name, module in model.named_modules():
    if len(list(module.children())) == 0:
        handles.append(module.register_forward_hook(get_activation(name)))
        handles.append(module.register_full_backward_hook(get_gradient(name)))
x, y = tensor(10, 6), torch.arange(10) % 3
optimizer = torch.optim.Adamax(model.parameters()) if False else torch.optim.Adam(model.parameters(), lr=0.02)
for step in range(4):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    print(step, loss.item(), {k: round(v.std().item(), 8) for k, v in activation.items()})
    print({k: round(v, 8) for k, v in sorted(gradients.items())})
for handle in handles:
    handle.remove()
activation.clear()
scaled = model[0].weight.register_hook(lambda grad: grad * 2)
pre = model[4].register_forward_pre_hook(lambda module, args: (args[0] * 0.5,))
loss = F.cross_entropy(model(x), y)
model.zero_grad()
loss.backward()
print(loss.item(), model[0].weight.grad.norm().item(), model[4].weight.grad.norm().item(), len(activation))
scaled.remove()
pre.remove()
print([n for n, _ in model.named_modules()], [type(c).__name__ for c in model.children()])
print(sum(p.grad.abs().sum() for p in model.parameters() if p.grad is not None).item())
