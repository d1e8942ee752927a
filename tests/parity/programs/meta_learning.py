"""Learning to learn: steps inside that are differentiated through, functional parameters, several tasks."""

import torch
import torch.nn.functional as F
from _numbers import tensor

torch.set_default_dtype(torch.float64)
params = [tensor(12, 1, seed=1), torch.zeros(12), tensor(1, 12, seed=2) * 0.3, torch.zeros(1)]
params = [p.requires_grad_() for p in params]


def net(x, params):
    x = F.linear(x, params[0], params[1])
    x = F.tanh(x)
    return F.linear(x, params[2], params[3])


def task(k):
    phase = 0.7 * k
    amplitude = 1 + 0.3 * (k % 4)
    x = torch.linspace(-3, 3, 10).roll(k).unsqueeze(1)
    return x, amplitude * torch.sin(x + phase)


meta_optimizer = torch.optim.Adam(params, lr=1e-2)
inner_lr = 0.05
for outer in range(8):
    meta_loss = torch.tensor(0.0)
    for k in range(3):
        x, y = task(outer * 3 + k)
        fast = params
        for _ in range(2):
            inner_loss = F.mse_loss(net(x[:5], fast), y[:5])
            grads = torch.autograd.grad(inner_loss, fast, create_graph=True)
            fast = [w - inner_lr * g for w, g in zip(fast, grads)]
        meta_loss = meta_loss + F.mse_loss(net(x[5:], fast), y[5:])
    meta_optimizer.zero_grad()
    meta_loss.backward()
    total_norm = torch.nn.utils.clip_grad_norm_(params, max_norm=1.0)
    meta_optimizer.step()
    print(outer, meta_loss.item(), float(total_norm))
