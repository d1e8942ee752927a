"""A generative adversarial network with spectrally normalised layers, hinge losses and an average of the generator."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from _numbers import fill, pictures, tensor
from torch.nn.utils import spectral_norm, weight_norm


def conv(i, o):
    return spectral_norm(nn.Conv2d(i, o, 3, stride=2, padding=1))


class Generator(nn.Module):
    def __init__(self, nz=6, ngf=6):
        super().__init__()
        self.linear = nn.Linear(nz, ngf * 9)
        self.blocks = nn.ModuleList([nn.ConvTranspose2d(ngf, ngf, 4, 2, 1), nn.ConvTranspose2d(ngf, 1, 4, 2, 1)])
        self.norm = nn.BatchNorm2d(ngf)

    def forward(self, z):
        x = self.linear(z).view(z.size(0), -1, 3, 3)
        x = F.relu_(self.norm(self.blocks[0](x)))
        return torch.tanh(self.blocks[1](x))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(conv(1, 4), nn.LeakyReLU(0.1, True), conv(4, 8), nn.LeakyReLU(0.1, inplace=True))
        self.last = weight_norm(nn.Linear(8 * 9, 1))

    def forward(self, x):
        return self.last(self.main(x).flatten(1)).squeeze(1)


torch.set_default_dtype(torch.float64)
G, D = fill(Generator(), 1), Discriminator()
start = {name: tensor(*value.shape, seed=i, scale=0.3) for i, (name, value) in enumerate(D.state_dict().items())}
D.load_state_dict(start)
average = copy.deepcopy(G).eval().requires_grad_(False)
optimizer_g = torch.optim.Adam(G.parameters(), lr=2e-3, betas=(0.0, 0.9))
optimizer_d = torch.optim.Adam(filter(lambda p: p.requires_grad, D.parameters()), lr=2e-3, betas=(0.0, 0.9))
images, _ = pictures(16)
for step in range(6):
    z = tensor(16, 6, seed=10 + step)
    with torch.no_grad():
        fake = G(z)
    loss_d = F.relu(1.0 - D(images)).mean() + F.relu(1.0 + D(fake)).mean()
    optimizer_d.zero_grad(set_to_none=True)
    loss_d.backward()
    optimizer_d.step()

    for p in D.parameters():
        p.requires_grad_(False)
    loss_g = -D(G(z)).mean()
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_g.step()
    for p in D.parameters():
        p.requires_grad_(True)
    with torch.no_grad():
        for averaged, p in zip(average.parameters(), G.parameters()):
            averaged.lerp_(p, 0.1)
    print(f"[{step}] D: {loss_d.item():.10f} G: {loss_g.item():.10f}")
print(average(tensor(2, 6, seed=3)).abs().mean().item())
print(sorted(D.state_dict()))
