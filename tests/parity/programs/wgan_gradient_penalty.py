"""A Wasserstein critic whose gradients are kept near one: autograd.grad with create_graph in the loss."""

import itertools

import torch
import torch.autograd as autograd
import torch.nn as nn
from _numbers import fill, tensor
from torch import Tensor

torch.set_default_dtype(torch.float64)
generator = fill(nn.Sequential(nn.Linear(2, 16), nn.ReLU(inplace=True), nn.Linear(16, 2)))
critic = fill(nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2, inplace=True), nn.Linear(16, 1)), seed=1)
optimizer_G = torch.optim.Adam(generator.parameters(), lr=1e-2, betas=(0.5, 0.9))
optimizer_D = torch.optim.RMSprop(critic.parameters(), lr=5e-3)
seeds = itertools.count()


def compute_gradient_penalty(D: nn.Module, real_samples: Tensor, fake_samples: Tensor) -> Tensor:
    alpha = torch.sigmoid(tensor(real_samples.size(0), 1, seed=next(seeds)))
    interpolates = (alpha * real_samples + ((1 - alpha) * fake_samples)).requires_grad_(True)
    d_interpolates = D(interpolates)
    fake = torch.ones(real_samples.size(0), 1)
    gradients = autograd.grad(
        outputs=d_interpolates,
        inputs=interpolates,
        grad_outputs=fake,
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


for step in range(10):
    real = tensor(32, 2, seed=next(seeds)) * 0.3 + torch.tensor([1.0, -1.0])
    optimizer_D.zero_grad()
    fake = generator(tensor(32, 2, seed=next(seeds)))
    penalty = compute_gradient_penalty(critic, real.data, fake.data)
    d_loss = -torch.mean(critic(real)) + torch.mean(critic(fake)) + 10 * penalty
    d_loss.backward()
    optimizer_D.step()
    optimizer_G.zero_grad()
    if step % 2 == 0:
        g_loss = -torch.mean(critic(generator(tensor(32, 2, seed=next(seeds)))))
        g_loss.backward()
        optimizer_G.step()
        print(f"{step} D {d_loss.item():.10f} G {g_loss.item():.10f} penalty {penalty.item():.10f}")
