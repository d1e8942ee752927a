"""Contrastive learning with the NT-Xent loss, a projection head, LARS by hand, and a linear probe with a cosine schedule."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from _numbers import fill, pictures, tensor

parser = argparse.ArgumentParser()
parser.add_argument("--temperature", type=float, default=0.5)
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--no-cuda", action="store_true")
args = parser.parse_args()
torch.set_default_dtype(torch.float64)


class Encoder(nn.Module):
    def __init__(self, width=6, dim=5):
        super().__init__()
        self.f = nn.Sequential()
        self.f.add_module("conv1", nn.Conv2d(1, width, kernel_size=(3, 3), stride=2, bias=False))
        self.f.add_module("norm", nn.GroupNorm(2, width))
        self.f.add_module("act", nn.SiLU())
        self.f.add_module("pool", nn.AdaptiveAvgPool2d((2, 2)))
        self.g = nn.Sequential(nn.Linear(width * 4, 16), nn.ReLU(inplace=True), nn.Linear(16, dim))

    def forward(self, x):
        feature = torch.flatten(self.f(x), start_dim=1)
        return F.normalize(feature, dim=-1), F.normalize(self.g(feature), dim=-1)


def nt_xent(out_1, out_2, temperature):
    n = out_1.shape[0]
    out = torch.cat([out_1, out_2], dim=0)
    sim = torch.mm(out, out.t().contiguous()) / temperature
    sim = sim.clone().fill_diagonal_(float("-inf"))
    targets = torch.arange(2 * n).roll(n)
    return F.cross_entropy(sim, targets)


class LARS(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1, weight_decay=1e-4, eta=0.01):
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay, eta=eta))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                d_p = p.grad.add(p, alpha=group["weight_decay"])
                p_norm, g_norm = torch.norm(p), torch.norm(d_p)
                scale = torch.where(
                    (p_norm > 0) & (g_norm > 0), group["eta"] * p_norm / g_norm, torch.ones_like(p_norm)
                )
                state = self.state[p]
                if "mu" not in state:
                    state["mu"] = torch.zeros_like(p)
                state["mu"].mul_(0.9).add_(d_p * scale)
                p.add_(state["mu"], alpha=-group["lr"])


images, labels = pictures(24)
model = fill(Encoder())
optimizer = LARS(model.parameters(), lr=2.0)
for epoch in range(args.epochs):
    total_loss, total_num = 0.0, 0
    for i, index in enumerate(torch.arange(24).split(8)):
        pos_1 = images[index] + tensor(8, 1, 12, 12, seed=epoch * 3 + i, scale=0.1)
        pos_2 = images[index].flip(-1)
        (_, out_1), (_, out_2) = model(pos_1), model(pos_2)
        loss = nt_xent(out_1, out_2, args.temperature)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_num += len(index)
        total_loss += loss.item() * len(index)
    print("Train Epoch: [{}/{}] Loss: {:.8f}".format(epoch, args.epochs, total_loss / total_num))

for param in model.f.parameters():
    param.requires_grad = False
model.eval()
probe = fill(nn.Linear(24, 4), 3)
optimizer = torch.optim.SGD(probe.parameters(), lr=1.0, momentum=0.9, nesterov=True)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)
for epoch in range(6):
    logits = probe(model(images)[0])
    loss = F.cross_entropy(logits, labels, label_smoothing=0.1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    top2 = logits.topk(2, dim=-1, largest=True, sorted=True).indices
    hits = top2.eq(labels.unsqueeze(dim=-1)).any(dim=-1).sum().item()
    print(loss.item(), hits, scheduler.get_last_lr())
