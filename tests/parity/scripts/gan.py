"""Two networks at odds: one draws digits, the other tells them from real ones (Goodfellow et al., 2014)."""

import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

LATENT = 16


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(LATENT, 64),
            nn.BatchNorm1d(64, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(64, 784),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.model(z).view(z.size(0), 1, 28, 28)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 64), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(64, 1), nn.Sigmoid()
        )

    def forward(self, image):
        return self.model(image)


def main():
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    loader = DataLoader(datasets.MNIST("data", transform=transform), batch_size=40, shuffle=True, drop_last=True)
    generator, discriminator = Generator(), Discriminator()
    criterion = nn.BCELoss()
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    losses = []
    for _ in range(2):
        for images, _ in loader:
            valid = torch.ones(images.size(0), 1)
            fake = torch.zeros(images.size(0), 1)

            g_optimizer.zero_grad()
            drawn = generator(torch.randn(images.shape[0], LATENT))
            g_loss = criterion(discriminator(drawn), valid)
            g_loss.backward()
            g_optimizer.step()

            d_optimizer.zero_grad()
            d_loss = (criterion(discriminator(images), valid) + criterion(discriminator(drawn.detach()), fake)) / 2
            d_loss.backward()
            d_optimizer.step()
            losses += [d_loss.item(), g_loss.item()]
    print(f"discriminator {losses[-2]:.4f}, generator {losses[-1]:.4f}")
    return losses


if __name__ == "__main__":
    main()
