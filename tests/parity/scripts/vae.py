"""A variational autoencoder of digits (Kingma & Welling, 2014)."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 100)
        self.mu = nn.Linear(100, 8)
        self.logvar = nn.Linear(100, 8)
        self.back = nn.Linear(8, 100)
        self.out = nn.Linear(100, 784)

    def encode(self, x):
        h = F.relu(self.hidden(x))
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.out(F.relu(self.back(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 784))
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon, x, mu, logvar):
    bce = F.binary_cross_entropy(recon, x.view(-1, 784), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


def main():
    device = torch.device("cpu")
    loader = DataLoader(
        datasets.MNIST("data", train=True, download=True, transform=transforms.ToTensor()),
        batch_size=50,
        shuffle=True,
    )
    model = VAE().to(device)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for epoch in range(3):
        model.train()
        for data, _ in loader:
            data = data.to(device)
            optimizer.zero_grad()
            recon, mu, logvar = model(data)
            loss = loss_function(recon, data, mu, logvar)
            loss.backward()
            losses.append(loss.item() / len(data))
            optimizer.step()
        print(f"epoch {epoch}: loss {losses[-1]:.2f}")
    with torch.no_grad():
        sample = model.decode(torch.randn(4, 8).to(device)).cpu()
    losses.append(sample.view(4, 1, 28, 28).sum().item() / 4)
    return losses


if __name__ == "__main__":
    main()
