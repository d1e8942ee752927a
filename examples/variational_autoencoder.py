"""A variational autoencoder of digits, and a map of its latent plane.

After Kingma & Welling, "Auto-encoding variational Bayes" (2014): an encoder gives the mean and the variance of a
point of the plane for each image, a decoder draws the image of a point, and the loss is the reconstruction error
plus the divergence (Kullback-Leibler) of these points from a standard normal distribution.
"""

from __future__ import annotations

import tinygrad_cnn as tg
import tinygrad_cnn.nn.functional as F
from tinygrad_cnn import nn, optim
from tinygrad_cnn.data import DataLoader
from tinygrad_cnn.data.sources import open_dataset
from tinygrad_cnn.experiment.plots.style import bare, drawing
from tinygrad_cnn.support.program import program

PICTURE = "variational_autoencoder.png"
EPOCHS = 3


class VAE(nn.Module):
    """Maps images of 784 pixels to points of a plane, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 256), nn.ReLU(), nn.Linear(256, 784))

    def forward(self, images: tg.Tensor) -> tuple[tg.Tensor, tg.Tensor, tg.Tensor]:
        """Return the logits of the pixels at a random point for each image; that point's mean and log variance."""
        mean, log_variance = self.encoder(images).chunk(2, 1)
        point = mean + (0.5 * log_variance).exp() * tg.randn_like(mean)
        return self.decoder(point), mean, log_variance


def main() -> None:
    """Train the autoencoder, and draw its latent plane."""
    tg.manual_seed(0)
    source = open_dataset("auto")
    model = VAE()
    optimizer = optim.Adam(model.parameters(), lr=0.001)
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for images, _ in DataLoader(source.train, 128, shuffle=True):
            images = images.flatten(1)
            logits, mean, log_variance = model(images)
            reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
            divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
            loss = (reconstruction + divergence) / len(images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        print(f"epoch {epoch}/{EPOCHS}   loss {total / len(source.train):.2f}")

    images, labels = next(iter(DataLoader(source.test, 5000)))
    with tg.no_grad():
        points = model.encoder(images.flatten(1))[:, :2].numpy()
        across = tg.linspace(-2.2, 2.2, 12)
        rows = [tg.stack([across, -y.expand(12)], 1) for y in across]
        drawn = model.decoder(tg.cat(rows)).sigmoid().reshape(12, 12, 28, 28).permute(0, 2, 1, 3).reshape(336, 336)
    with drawing(PICTURE, 11, 5.4) as figure:
        where, what = figure.subplots(1, 2)
        dots = where.scatter(*points.T, c=labels.numpy(), s=6, cmap="tab10", vmin=-0.5, vmax=9.5)
        figure.colorbar(dots, ax=where, ticks=range(10), label="digit")
        where.set(title="Test images in the latent plane", xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
        what.imshow(drawn.numpy(), cmap="gray")
        what.set_title("The decoder's images from -2.2 to 2.2")
        bare(what)
    print(f"picture: {PICTURE}")


if __name__ == "__main__":
    program(main, __doc__)
