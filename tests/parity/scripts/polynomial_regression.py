"""Fit a cubic polynomial to a sine: by hand with autograd, then with nn.Sequential and RMSprop."""

import math

import torch
from torch import nn, optim


def by_hand(x, y):
    a, b, c, d = (torch.randn((), requires_grad=True) for _ in range(4))
    losses = []
    for _ in range(200):
        y_pred = a + b * x + c * x**2 + d * x**3
        loss = (y_pred - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            for parameter in (a, b, c, d):
                parameter -= 1e-6 * parameter.grad
                parameter.grad = None
        losses.append(loss.item())
    return losses


def with_modules(x, y):
    powers = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
    model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1))
    optimizer = optim.RMSprop(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(200):
        loss = nn.functional.mse_loss(model(powers), y, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1000.0)
        optimizer.step()
        losses.append(loss.item())
    linear = model[0]
    print(f"y = {linear.bias.item():.3f} + {linear.weight[0, 0].item():.3f} x + ...")
    return losses


def main():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    x = torch.linspace(-math.pi, math.pi, 300, device=device)
    y = torch.sin(x)
    return by_hand(x, y) + with_modules(x, y)


if __name__ == "__main__":
    main()
