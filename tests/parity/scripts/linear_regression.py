"""Fit a line to noisy points with nn.Linear and SGD."""

import torch
import torch.nn as nn
import torch.optim as optim


def main():
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 100).unsqueeze(1)
    y = 3 * x + 2 + 0.1 * torch.randn(100, 1)

    model = nn.Linear(1, 1)
    criterion = nn.MSELoss()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for epoch in range(60):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if epoch % 20 == 0:
            print(f"epoch {epoch}: loss {loss.item():.4f}")
    weight, bias = model.weight.item(), model.bias.item()
    print(f"y = {weight:.2f} x + {bias:.2f}")
    return losses


if __name__ == "__main__":
    main()
