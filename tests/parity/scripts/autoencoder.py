"""An autoencoder of digits: 784 numbers through 16 and back."""

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 64), nn.ReLU(True), nn.Linear(64, 16))
        self.decoder = nn.Sequential(nn.Linear(16, 64), nn.ReLU(True), nn.Linear(64, 784), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))


def main():
    train_set = datasets.MNIST("data", train=True, transform=transforms.ToTensor())
    loader = DataLoader(train_set, batch_size=50, shuffle=True)
    model = Autoencoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-5)
    losses = []
    for epoch in range(3):
        for images, _ in loader:
            images = images.view(images.size(0), -1)
            loss = nn.functional.mse_loss(model(images), images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {sum(losses[-len(loader) :]) / len(loader):.4f}")
    model.eval()
    with torch.inference_mode():
        picture = model(train_set[0][0].view(1, -1)).view(28, 28)
    losses.append(picture.mean().item())
    return losses


if __name__ == "__main__":
    main()
