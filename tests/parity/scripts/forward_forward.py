"""Layers that learn one by one, without backpropagation from one to another (Hinton, 2022)."""

import torch
import torch.nn as nn
from torch.optim import Adam
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Lambda, Normalize, ToTensor


def overlay(x, y):
    """Write the label into the first ten pixels."""
    x_ = x.clone()
    x_[:, :10] *= 0.0
    x_[range(x.shape[0]), y] = x.max()
    return x_


class Layer(nn.Linear):
    def __init__(self, in_features, out_features):
        super().__init__(in_features, out_features)
        self.relu = torch.nn.ReLU()
        self.opt = Adam(self.parameters(), lr=0.03)
        self.threshold = 2.0
        self.num_epochs = 15

    def forward(self, x):
        direction = x / (x.norm(2, 1, keepdim=True) + 1e-4)
        return self.relu(torch.mm(direction, self.weight.T) + self.bias.unsqueeze(0))

    def train_on(self, positive, negative):
        losses = []
        for _ in range(self.num_epochs):
            g_pos = self.forward(positive).pow(2).mean(1)
            g_neg = self.forward(negative).pow(2).mean(1)
            loss = torch.log(1 + torch.exp(torch.cat([-g_pos + self.threshold, g_neg - self.threshold]))).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            losses.append(loss.item())
        return self.forward(positive).detach(), self.forward(negative).detach(), losses


class Net(torch.nn.Module):
    def __init__(self, dims):
        super().__init__()
        self.layers = nn.ModuleList([Layer(*dims[i : i + 2]) for i in range(len(dims) - 1)])

    @torch.no_grad()
    def predict(self, x):
        goodness_per_label = []
        for label in range(10):
            h = overlay(x, torch.full((x.size(0),), label))
            goodness = []
            for layer in self.layers:
                h = layer(h)
                goodness += [h.pow(2).mean(1)]
            goodness_per_label += [sum(goodness).unsqueeze(1)]
        return torch.cat(goodness_per_label, 1).argmax(1)

    def train_layers(self, positive, negative):
        losses = []
        for i, layer in enumerate(self.layers):
            positive, negative, of_layer = layer.train_on(positive, negative)
            print(f"layer {i}: loss {of_layer[-1]:.4f}")
            losses += of_layer
        return losses


def main():
    transform = Compose([ToTensor(), Normalize((0.1307,), (0.3081,)), Lambda(lambda x: x.flatten(-3))])
    loader = DataLoader(MNIST("data", train=True, download=True, transform=transform), batch_size=200, shuffle=True)
    net = Net([784, 50, 50])
    x, y = next(iter(loader))
    negative = overlay(x, y[torch.randperm(x.size(0))])
    losses = net.train_layers(overlay(x, y), negative)
    error = 1.0 - net.predict(x).eq(y).float().mean().item()
    print(f"train error: {error:.3f}")
    return [*losses, error]


if __name__ == "__main__":
    main()
