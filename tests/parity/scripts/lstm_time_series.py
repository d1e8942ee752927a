"""Forecasting a noisy wave with an LSTM: the next value from the twenty before it."""

import math

import torch
import torch.nn as nn


class Forecaster(nn.Module):
    def __init__(self, hidden_size=12, num_layers=2):
        super().__init__()
        self.lstm = nn.LSTM(input_size=1, hidden_size=hidden_size, num_layers=num_layers, batch_first=True)
        self.linear = nn.Linear(hidden_size, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.linear(out[:, -1, :])


def windows(series, length=20):
    inputs = torch.stack([series[i : i + length] for i in range(len(series) - length)])
    return inputs.unsqueeze(-1), series[length:].unsqueeze(-1)


def main():
    time = torch.arange(120) / 6
    series = torch.sin(time) + 0.3 * torch.cos(2.7 * time + math.pi / 5) + 0.05 * torch.randn(120)
    inputs, targets = windows(series)
    model = Forecaster()
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for epoch in range(15):
        model.train()
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        losses.append(loss.item())
        if epoch % 5 == 0:
            print(f"epoch {epoch:2d}, loss {loss.item():.5f}")
    model.eval()
    with torch.no_grad():
        window = inputs[-1:]
        for _ in range(5):
            following = model(window)
            window = torch.cat([window[:, 1:], following.unsqueeze(1)], dim=1)
            losses.append(following.item())
    return losses


if __name__ == "__main__":
    main()
