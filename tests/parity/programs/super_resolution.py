"""Larger pictures from small ones by sub-pixel convolution, with the signal-to-noise ratio."""

import sys
from math import log10

import torch
import torch.nn as nn
import torch.nn.init as init
import torch.optim as optim
from _numbers import fill, pictures
from torch.utils.data import DataLoader, Dataset


class Net(nn.Module):
    def __init__(self, upscale_factor):
        super().__init__()
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(1, 12, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(12, 8, (3, 3), (1, 1), (1, 1))
        self.conv3 = nn.Conv2d(8, upscale_factor**2, (3, 3), (1, 1), (1, 1))
        self.pixel_shuffle = nn.PixelShuffle(upscale_factor)
        self._initialize_weights()

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        x = self.pixel_shuffle(self.conv3(x))
        return x

    def _initialize_weights(self):
        init.kaiming_normal_(self.conv1.weight, nonlinearity="relu")
        init.xavier_uniform_(self.conv2.weight, init.calculate_gain("relu"))
        init.normal_(self.conv3.weight)


class Pictures(Dataset):
    def __init__(self, n, seed):
        super().__init__()
        self.images = pictures(n, size=16, seed=seed)[0]

    def __getitem__(self, index):
        target = self.images[index]
        input = nn.functional.avg_pool2d(target, 2)
        return input, target.clone()

    def __len__(self):
        return self.images.size(0)


torch.set_default_dtype(torch.float64)
training_data_loader = DataLoader(dataset=Pictures(40, 0), num_workers=0, batch_size=8, shuffle=False)
testing_data_loader = DataLoader(dataset=Pictures(8, 1), batch_size=4)
model = fill(Net(upscale_factor=2))
criterion = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)
for epoch in range(1, 3):
    epoch_loss = 0
    for iteration, batch in enumerate(training_data_loader, 1):
        input, target = batch[0], batch[1]
        optimizer.zero_grad()
        loss = criterion(model(input), target)
        epoch_loss += loss.item()
        loss.backward()
        optimizer.step()
        sys.stdout.write(f"===> Epoch[{epoch}]({iteration}/{len(training_data_loader)}): Loss: {loss.item():.8f}\n")
    print(f"===> Epoch {epoch} Complete: Avg. Loss: {epoch_loss / len(training_data_loader):.8f}")
    avg_psnr = 0
    with torch.no_grad():
        for batch in testing_data_loader:
            mse = criterion(model(batch[0]), batch[1])
            avg_psnr += 10 * log10(1 / mse.item())
    print(f"===> Avg. PSNR: {avg_psnr / len(testing_data_loader):.6f} dB")
