"""A mixture of normal distributions as output: logsumexp, softplus, expand, and a flow of affine couplings."""

import math

import torch
import torch.nn as nn
from _numbers import fill, tensor

torch.set_default_dtype(torch.float64)
ONEOVERSQRT2PI = 1.0 / math.sqrt(2 * math.pi)


class MDN(nn.Module):
    def __init__(self, in_features, num_gaussians):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(in_features, 12), nn.Tanh())
        self.pi = nn.Linear(12, num_gaussians)
        self.sigma = nn.Linear(12, num_gaussians)
        self.mu = nn.Linear(12, num_gaussians)

    def forward(self, minibatch):
        h = self.body(minibatch)
        return self.pi(h).log_softmax(-1), nn.functional.softplus(self.sigma(h)) + 1e-3, self.mu(h)


def mdn_loss(log_pi, sigma, mu, target):
    target = target.unsqueeze(1).expand_as(sigma)
    log_prob = -0.5 * ((target - mu) / sigma) ** 2 + math.log(ONEOVERSQRT2PI) - torch.log(sigma)
    return -torch.logsumexp(log_pi + log_prob, dim=1).mean()


y = torch.linspace(-1, 1, 60)
x = (y + 0.3 * torch.sin(2 * math.pi * y) + 0.05 * tensor(60)).unsqueeze(1)
model = fill(MDN(1, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for step in range(20):
    optimizer.zero_grad()
    loss = mdn_loss(*model(x), y)
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        print(step, loss.item())


class Coupling(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, 8), nn.LeakyReLU(0.1), nn.Linear(8, 2))

    def forward(self, x):
        a, b = x.chunk(2, dim=-1)
        if self.flip:
            a, b = b, a
        s, t = self.net(a).unbind(-1)
        s = s.tanh()
        b = b * s.exp()[:, None] + t[:, None]
        return torch.cat((b, a) if self.flip else (a, b), -1), s


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Coupling(k % 2 == 1) for k in range(4))

    def log_prob(self, x):
        total = torch.zeros(x.shape[0])
        for layer in self.layers:
            x, s = layer(x)
            total = total + s
        return total - 0.5 * (x**2).sum(-1) - math.log(2 * math.pi)


flow = fill(Flow())
points = tensor(50, 2) * torch.tensor([1.0, 0.2])
points[:, 1] += points[:, 0] ** 2
optimizer = torch.optim.Adam(flow.parameters(), lr=0.02)
for step in range(16):
    loss = -flow.log_prob(points).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        print(step, loss.item())
